use std::{
    any::TypeId,
    collections::HashMap,
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keepstone_format::wire::put_varint;
use keepstone_value::{self as value, Learned, Learner, Options, Shape, append_learned};
use serde::Serialize;

/// Values that added to what is known of a type, before that is learnt anew: what one strange value brought is not written for ever.
const TAUGHT_MAX: u32 = 64;
/// Bytes of a shape that are kept. One value of a hostile type may have a shape as long as itself.
const SHAPE_LEN_MAX: usize = 64 << 10;
/// Shapes of what was read that are kept.
const READ_MAX: usize = 8;
/// Buffers that wait for the next value.
const BUFFERS_MAX: usize = 2;
/// A buffer that is longer is given back to the system.
const BUFFER_LEN_MAX: usize = 64 << 20;
/// How often a value is tried with what is known of its type: once before that has learnt from it, and once behind it.
const TRIES: usize = 2;

/// What payloads that serde knows have taught about the shapes of their types, so that the next save of a type needs not learn it anew.
///
/// Each store has one for itself. What is written with it has a shape that may hold more than the value at hand, of what earlier values of
/// its type had; any reader reads it. It takes no more memory for more saves: a few shapes of each type, and two buffers of values.
#[derive(Default)]
pub struct Shapes {
    types: Mutex<HashMap<TypeId, Arc<Type>>>,
    read: Mutex<Vec<Read>>,
    buffers: Mutex<Vec<Vec<u8>>>,
}

/// What is known of one type.
#[derive(Default)]
struct Type {
    known: Mutex<Option<Arc<Known>>>,
    learner: Mutex<State>,
}

/// What all values had in common from which a type was learnt.
struct Known {
    learned: Learned,
    /// The shape's length and bytes: what stands before a value.
    start: Vec<u8>,
}

/// Who learns a type.
#[derive(Default)]
enum State {
    #[default]
    Nobody,
    /// A learner, and how many values it has learnt from.
    Idle(Box<Learner>, u32),
    /// It learns from a value at this moment, or it is no use to learn.
    Gone,
}

/// A shape that was read, and its bytes.
struct Read {
    bytes: Vec<u8>,
    shape: Arc<Shape>,
}

/// A value behind its shape, in memory that is used again.
pub(crate) struct Encoded<'s> {
    bytes: Vec<u8>,
    home: &'s Shapes,
}

impl Shapes {
    /// Encodes a value behind the shape of its type; none if that can't be kept.
    pub(crate) fn encode<T: Serialize + ?Sized>(
        &self,
        value: &T,
    ) -> Result<Option<Encoded<'_>>, value::Error> {
        let kept = Arc::clone(locked(&self.types).entry(typeid::of::<T>()).or_default());
        let options = Options::default();
        let mut encoded = self.buffer();
        for _ in 0..TRIES {
            let known = locked(&kept.known).clone();
            if let Some(known) = known {
                encoded.bytes.clear();
                encoded.bytes.extend_from_slice(&known.start);
                if append_learned(&known.learned, value, &mut encoded.bytes, &options)? {
                    return Ok(Some(encoded));
                }
            }
            if !kept.learn(value, &options) {
                break;
            }
        }
        Ok(None)
    }

    /// The shape that bytes stand for.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<Arc<Shape>, value::Error> {
        if let Some(read) = locked(&self.read).iter().find(|read| read.bytes == bytes) {
            return Ok(Arc::clone(&read.shape));
        }
        let shape = Arc::new(Shape::decode(bytes)?);
        if bytes.len() <= SHAPE_LEN_MAX {
            let mut read = locked(&self.read);
            if read.len() >= READ_MAX {
                read.remove(0);
            }
            read.push(Read { bytes: bytes.to_vec(), shape: Arc::clone(&shape) });
        }
        Ok(shape)
    }

    fn buffer(&self) -> Encoded<'_> {
        Encoded { bytes: locked(&self.buffers).pop().unwrap_or_default(), home: self }
    }
}

impl Type {
    /// Learns from one more value. False if that fails: then nothing is known, and a value by itself may have a shape all the same.
    fn learn<T: Serialize + ?Sized>(&self, value: &T, options: &Options) -> bool {
        // Nothing is locked while the value serializes itself: that may panic, and even save.
        let (mut learner, count) = match std::mem::replace(&mut *locked(&self.learner), State::Gone) {
            State::Idle(learner, count) if count < TAUGHT_MAX => (learner, count),
            State::Nobody | State::Idle(..) => (Box::new(Learner::new(options)), 0),
            State::Gone => return false,
        };
        let mut turn = Turn { of: self, next: State::Nobody };
        let result = learner.add(std::iter::once(&value), None).and_then(|()| learner.learned());
        let known = result.ok().map(Known::new);
        turn.next = match &known {
            Some(known) if known.start.len() <= SHAPE_LEN_MAX => State::Idle(learner, count + 1),
            // One value has it all: nothing of this type is ever kept.
            Some(_) if count == 0 => State::Gone,
            // What was seen so far is of no use, or too much together.
            _ => State::Nobody,
        };
        let known = known.filter(|_| matches!(turn.next, State::Idle(..)));
        let is_known = known.is_some();
        *locked(&self.known) = known.map(Arc::new);
        is_known
    }
}

impl Known {
    fn new(learned: Learned) -> Self {
        let shape = learned.shape().encode();
        let mut start = Vec::with_capacity(shape.len() + 5);
        put_varint(&mut start, shape.len() as u64);
        start.extend_from_slice(&shape);
        Self { learned, start }
    }
}

/// The turn of a learner; dropped, also by a panic, it says who is next.
struct Turn<'t> {
    of: &'t Type,
    next: State,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *locked(&self.of.learner) = std::mem::take(&mut self.next);
    }
}

impl Deref for Encoded<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Encoded<'_> {
    fn drop(&mut self) {
        let mut buffers = locked(&self.home.buffers);
        if buffers.len() < BUFFERS_MAX && self.bytes.capacity() <= BUFFER_LEN_MAX {
            self.bytes.clear();
            buffers.push(std::mem::take(&mut self.bytes));
        }
    }
}

impl fmt::Debug for Shapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shapes").field("types", &locked(&self.types).len()).finish_non_exhaustive()
    }
}

/// Nothing under these locks is left half-changed by a panic.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
