//! Writes values as rows with a shape, then reads them by a type that has changed and by no type at all.
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use keepstone_value::{Decoder, Error, Options, Rows, encode};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
#[serde(tag = "kind")]
enum Item {
    Potion { heals: u16 },
    Key { opens: String },
}

#[derive(Serialize)]
struct Bag {
    owner: &'static str,
    items: Vec<Item>,
}

/// What a later program makes of a bag: it asks for less, for wider numbers, and for something new.
#[derive(Deserialize, Debug)]
struct Summary {
    owner: String,
    #[serde(default)]
    weight: u64,
}

fn main() -> Result<(), Error> {
    let bags = [
        Bag { owner: "ann", items: vec![Item::Potion { heals: 20 }, Item::Key { opens: "gate".to_owned() }] },
        Bag { owner: "bo", items: Vec::new() },
    ];
    let options = Options::default();
    let rows = encode(bags.iter(), None, &options)?;
    println!("shape: {}", rows.shape);
    println!("{} rows in {} bytes", rows.lens.len(), rows.data.len());

    for summary in read::<Summary>(&rows, &options)? {
        println!("{} carries {}", summary.owner, summary.weight);
    }
    for bag in read::<serde_json::Value>(&rows, &options)? {
        println!("{bag}");
    }
    Ok(())
}

fn read<T: for<'de> Deserialize<'de>>(rows: &Rows, options: &Options) -> Result<Vec<T>, Error> {
    let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, options);
    let values = rows.lens.iter().map(|len| decoder.row(*len)).collect::<Result<_, _>>()?;
    decoder.finish()?;
    Ok(values)
}
