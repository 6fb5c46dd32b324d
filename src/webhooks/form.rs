//! A form as a provider posts it, read strictly: what could be read in two ways is not read at all.

/// Fields that one form may have.
const MOST_FIELDS: usize = 256;

/// The fields of a form in their order, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

/// The body is no form that one could rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a well-formed form")]
pub struct NoForm;

impl Form {
    /// Reads `application/x-www-form-urlencoded`. Every field has a name and an equals sign, escapes are
    /// whole, texts are UTF-8 without NUL.
    ///
    /// # Errors
    /// [`NoForm`] for anything else.
    pub fn parse(body: &[u8]) -> Result<Self, NoForm> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let mut fields = Vec::new();
        for pair in body.split(|byte| *byte == b'&') {
            let at = pair.iter().position(|byte| *byte == b'=').ok_or(NoForm)?;
            let (name, value) = (decode(&pair[..at])?, decode(&pair[at + 1..])?);
            if name.is_empty() || fields.len() == MOST_FIELDS {
                return Err(NoForm);
            }
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    /// A field's value; none where it is absent, or stands there twice.
    pub fn find(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.as_str());
        value.filter(|_| found.next().is_none())
    }

    /// All fields, in their order.
    pub fn fields(&self) -> &[(String, String)] {
        &self.0
    }
}

fn decode(text: &[u8]) -> Result<String, NoForm> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(*digit).to_digit(16));
                let (high, low) = (digit().ok_or(NoForm)?, digit().ok_or(NoForm)?);
                u8::try_from(high << 4 | low).map_err(|_| NoForm)?
            }
            0 => return Err(NoForm),
            other => *other,
        });
    }
    String::from_utf8(decoded).ok().filter(|text| !text.contains('\0')).ok_or(NoForm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_it_was_written() {
        let form = Form::parse(b"Body=Hello+World%21&From=%2B15550100123&Empty=&Body2=a%3Db").unwrap();
        assert_eq!(form.find("Body"), Some("Hello World!"));
        assert_eq!(form.find("From"), Some("+15550100123"));
        assert_eq!(
            (form.find("Empty"), form.find("Body2"), form.find("Nothing")),
            (Some(""), Some("a=b"), None)
        );
        assert_eq!(Form::parse(b"").unwrap().fields(), []);
        let twice = Form::parse(b"a=1&a=2").unwrap();
        assert_eq!((twice.find("a"), twice.fields().len()), (None, 2));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        for body in ["a", "a=1&", "&a=1", "=1", "a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "a=1&&b=2", "a=\0"]
        {
            assert_eq!(Form::parse(body.as_bytes()), Err(NoForm), "{body:?}");
        }
        assert!(Form::parse("a=1&".repeat(300).trim_end_matches('&').as_bytes()).is_err());
    }
}
