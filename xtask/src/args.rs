//! The command line, read by hand: three commands with a handful of options do not pay for a parser.

use std::{collections::VecDeque, str::FromStr};

use anyhow::{Context as _, Result, bail};

/// What is left of the command line; every reader takes its own part away.
pub struct Args(VecDeque<String>);

impl Args {
    pub fn from_command_line() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// Takes the first word, whatever it is.
    pub fn next_word(&mut self) -> Option<String> {
        self.0.pop_front()
    }

    /// Takes a switch without a value; says whether it was there.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|word| word != name);
        self.0.len() != before
    }

    /// Takes the first `name VALUE` pair and parses its value.
    pub fn option<T: FromStr>(&mut self, name: &str) -> Result<Option<T>> {
        let Some(at) = self.0.iter().position(|word| word == name) else { return Ok(None) };
        self.0.remove(at);
        let text = self.0.remove(at).with_context(|| format!("{name} needs a value"))?;
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => bail!("{name} cannot be {text}"),
        }
    }

    /// Takes every `name VALUE` pair.
    pub fn options<T: FromStr>(&mut self, name: &str) -> Result<Vec<T>> {
        let mut values = Vec::new();
        while let Some(value) = self.option(name)? {
            values.push(value);
        }
        Ok(values)
    }

    /// Everything that is left, less the `--` that sets it apart.
    pub fn rest(self) -> Vec<String> {
        self.0.into_iter().skip_while(|word| word == "--").collect()
    }

    /// Refuses what nobody took, so that a misspelt option is never ignored.
    pub fn finish(self) -> Result<()> {
        match self.0.front() {
            Some(word) => bail!("there is no option {word}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        Args(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn a_misspelt_option_is_refused() {
        let mut given = args("--conections 5");
        assert_eq!(given.option::<u32>("--connections").unwrap(), None);
        assert!(given.finish().is_err());
    }

    #[test]
    fn a_repeated_option_keeps_every_value() {
        let mut given = args("--pid 4 --rate 10 --pid 5");
        assert_eq!(given.options::<u32>("--pid").unwrap(), [4, 5]);
        assert_eq!(given.option::<u32>("--rate").unwrap(), Some(10));
        assert!(given.finish().is_ok());
    }

    #[test]
    fn an_option_without_its_value_is_refused() {
        assert!(args("--rate").option::<u32>("--rate").is_err());
        assert!(args("--rate fast").option::<u32>("--rate").is_err());
    }
}
