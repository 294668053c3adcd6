use std::borrow::Cow;

use crate::forge::text::members;

/// What becomes of the environment variables in a state, among which passwords and keys may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Secrets {
    /// They are left out.
    #[default]
    Drop,
    /// They are kept. Whoever gets the state gets them.
    Keep,
}

/// The member of a state that holds them.
const ENV_VARS: &str = "env_vars";

/// A state without its environment variables, and how many those are. The rest is as it is written.
pub(super) fn without_env_vars(state: &str) -> (Cow<'_, str>, u64) {
    let is_secret = |key: &str| serde_json::from_str::<Cow<'_, str>>(key).is_ok_and(|key| key == ENV_VARS);
    if !members(state).any(|member| is_secret(member.key)) {
        return (Cow::Borrowed(state), 0);
    }
    let (mut rest, mut count) = (String::with_capacity(state.len()), 0);
    for member in members(state) {
        if is_secret(member.key) {
            count += members(member.value).count() as u64;
            continue;
        }
        rest.push(if rest.is_empty() { '{' } else { ',' });
        rest.push_str(member.all);
    }
    if rest.is_empty() {
        rest.push('{');
    }
    rest.push('}');
    (Cow::Owned(rest), count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_variables_are_left_out_wherever_they_stand_and_however_they_are_spelled() {
        for (state, rest, count) in [
            ("{\"env_vars\":{\"A\":\"1\",\"B\":\"2\"},\"c\":[ 1 ]}", "{\"c\":[ 1 ]}", 2),
            ("{\"a\": 1, \"env_vars\": {\"A\": \"}\"}, \"b\" :2 }", "{\"a\": 1, \"b\" :2 }", 1),
            ("{\"a\":1,\"env_vars\":{}}", "{\"a\":1}", 0),
            ("{ \"env_vars\":{\"A\":\"\"} }", "{}", 1),
            ("{\"env\\u005fvars\":{\"A\":\"\"},\"env_vars\":{\"B\":\"\"},\"a\":1}", "{\"a\":1}", 2),
            ("{\"env_vars\":\"A=1\"}", "{}", 0),
        ] {
            assert_eq!(without_env_vars(state), (Cow::Borrowed(rest), count), "{state}");
        }
    }

    #[test]
    fn a_state_without_them_stays_as_it_is_written() {
        for state in ["{}", "{ \"a\" : { \"env_vars\" : {} } }", "[\"env_vars\"]"] {
            let (rest, count) = without_env_vars(state);
            assert!(matches!(rest, Cow::Borrowed(rest) if rest == state) && count == 0, "{state}");
        }
    }
}
