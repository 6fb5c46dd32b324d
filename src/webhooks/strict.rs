//! JSON of a stranger, read without anything that two readers could take differently.
//!
//! Refused are a member that stands twice in one object (one reader takes the first, another the
//! last), `\u0000` in a key or a text (PostgreSQL's jsonb and text take none), nesting deeper than 127
//! levels, numbers out of range, lone surrogates. It is the one look at the whole that a verified body
//! gets anyway, so nothing is built: a [`Reader`] is told of what comes by, keeps what it needs, and may
//! have members cut out.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// From this many members on, repetitions are found by hashes instead of by looking at each.
const MANY: usize = 24;
/// Levels of nesting, as many as `serde_json` reads by itself.
const DEEPEST: usize = 127;

/// What becomes of a member.
pub enum Member<P> {
    /// Its value is read, at this place.
    At(P),
    /// It is read like any other, and then [`Reader::cut`] gets its value.
    Cut,
}

/// Is told what a body holds, in its order.
pub trait Reader<'a> {
    /// Where in the body a value stands, as far as the reader cares.
    type Place: Copy;

    fn member(&mut self, of: Self::Place, key: &str) -> Member<Self::Place>;

    /// A list begins.
    fn list(&mut self, _at: Self::Place) {}

    fn item(&mut self, of: Self::Place) -> Self::Place;

    fn text(&mut self, _at: Self::Place, _text: &str) {}

    fn number(&mut self, _at: Self::Place, _number: f64) {}

    /// The text of a member's value that is to be cut, exactly as it stands in the body.
    fn cut(&mut self, _value: &'a str) {}
}

/// Nobody needs anything of it.
struct Unread;

impl Reader<'_> for Unread {
    type Place = ();

    fn member(&mut self, (): (), _key: &str) -> Member<()> {
        Member::At(())
    }

    fn item(&mut self, (): ()) {}
}

/// Reads a whole body from its outermost value on, which is at `root`. The error says what and where, and
/// never repeats a value.
pub fn read<'a, R: Reader<'a>>(
    text: &'a str,
    reader: &mut R,
    root: R::Place,
) -> Result<(), serde_json::Error> {
    Walk { reader, keys: Vec::with_capacity(32), depth: 0 }.part(text, root)
}

/// Reads a whole body into a tree.
pub fn parse(body: &[u8]) -> Result<Value, serde_json::Error> {
    let text = std::str::from_utf8(body).map_err(|_| serde_json::Error::custom("the body is no UTF-8"))?;
    read(text, &mut Unread, ())?;
    tree(text.as_bytes())
}

/// Makes a tree of what was read strictly before, and stored.
pub fn tree(body: &[u8]) -> Result<Value, serde_json::Error> {
    Tree.deserialize(&mut serde_json::Deserializer::from_slice(body))
}

/// The way to a tree. `serde_json`'s own takes a member with the name of one of its
/// wrappers for that wrapper, and reads its text as JSON.
struct Tree;

impl<'a> DeserializeSeed<'a> for Tree {
    type Value = Value;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Tree {
    type Value = Value;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Tree)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = serde_json::Map::new();
        while let Some(key) = members.next_key::<String>()? {
            object.insert(key, members.next_value_seed(Tree)?);
        }
        Ok(object.into())
    }
}

/// The way through a body.
struct Walk<'r, 'a, R> {
    reader: &'r mut R,
    /// The keys so far of every object that is not at its end, the innermost last.
    keys: Vec<Cow<'a, str>>,
    depth: usize,
}

impl<'a, R: Reader<'a>> Walk<'_, 'a, R> {
    fn part(&mut self, text: &'a str, at: R::Place) -> Result<(), serde_json::Error> {
        let mut json = serde_json::Deserializer::from_str(text);
        Part { walk: self, at }.deserialize(&mut json)?;
        json.end()
    }

    fn enter<E: Error>(&mut self) -> Result<(), E> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(E::custom("nested too deep")) } else { Ok(()) }
    }

    /// A value that is cut is read as strictly as what stays.
    fn cut<E: Error>(&mut self, value: &'a RawValue) -> Result<(), E> {
        let mut beside = Walk { reader: &mut Unread, keys: Vec::new(), depth: self.depth };
        beside.part(value.get(), ()).map_err(E::custom)?;
        self.reader.cut(value.get());
        Ok(())
    }
}

/// A value on the way.
struct Part<'w, 'r, 'a, R: Reader<'a>> {
    walk: &'w mut Walk<'r, 'a, R>,
    at: R::Place,
}

impl<'a, R: Reader<'a>> DeserializeSeed<'a> for Part<'_, '_, 'a, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a, R: Reader<'a>> Visitor<'a> for Part<'_, '_, 'a, R> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.walk.reader.number(self.at, value as f64);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.walk.reader.number(self.at, value as f64);
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        if !value.is_finite() {
            return Err(E::custom("a number is out of range"));
        }
        self.walk.reader.number(self.at, value);
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, value: &'a str) -> Result<(), E> {
        // JSON writes a NUL as an escape only, and a text with escapes is not borrowed.
        self.walk.reader.text(self.at, value);
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        refuse_nul(value)?;
        self.walk.reader.text(self.at, value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { walk, at } = self;
        walk.enter()?;
        walk.reader.list(at);
        while items.next_element_seed(Item { walk: &mut *walk, of: at })?.is_some() {}
        walk.depth -= 1;
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { walk, at } = self;
        walk.enter()?;
        let own = walk.keys.len();
        let mut hashes = None;
        while let Some(key) = members.next_key_seed(Key)? {
            if stands_in(&walk.keys[own..], &key, &mut hashes) {
                return Err(A::Error::custom("a member stands twice in one object"));
            }
            let member = walk.reader.member(at, &key);
            walk.keys.push(key);
            match member {
                Member::At(at) => members.next_value_seed(Part { walk: &mut *walk, at })?,
                Member::Cut => walk.cut(members.next_value::<&RawValue>()?)?,
            }
        }
        walk.keys.truncate(own);
        walk.depth -= 1;
        Ok(())
    }
}

/// An item on the way, of a list at that place.
struct Item<'w, 'r, 'a, R: Reader<'a>> {
    walk: &'w mut Walk<'r, 'a, R>,
    of: R::Place,
}

impl<'a, R: Reader<'a>> DeserializeSeed<'a> for Item<'_, '_, 'a, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        let at = self.walk.reader.item(self.of);
        deserializer.deserialize_any(Part { walk: self.walk, at })
    }
}

/// A key, checked as texts are, and borrowed where it has no escapes.
struct Key;

impl<'a> DeserializeSeed<'a> for Key {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Key {
    type Value = Cow<'a, str>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'a str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        refuse_nul(value)?;
        Ok(Cow::Owned(value.to_owned()))
    }
}

fn refuse_nul<E: Error>(text: &str) -> Result<(), E> {
    if text.contains('\0') { Err(E::custom("a text holds a NUL")) } else { Ok(()) }
}

/// The hashes of an object's keys, with their random seed: nobody can choose keys that collide.
type Hashes = Option<(RandomState, HashSet<u64>)>;

/// Whether a key stands in an object already. An object with many members costs no more than its
/// length: a key is compared with all others only where its hash is there.
fn stands_in(keys: &[Cow<'_, str>], key: &str, hashes: &mut Hashes) -> bool {
    if keys.len() >= MANY {
        let (seed, known) = hashes.get_or_insert_with(|| {
            let seed = RandomState::new();
            let known = keys.iter().map(|known| seed.hash_one(known.as_ref())).collect();
            (seed, known)
        });
        if known.insert(seed.hash_one(key)) {
            return false;
        }
    }
    keys.iter().any(|known| known == key)
}

#[cfg(test)]
#[path = "strict_tests.rs"]
mod tests;
