//! Pickles: as much of them as a state dict needs, and nothing in them is run.
//!
//! Objects lie in one list and refer to each other by their numbers.
//! An object therefore costs memory once, in proportion to the bytes that describe it, however often and
//! however deeply it is used.
//! The opcodes are those of `pickletools` of Python up to protocol 3; `torch.save` writes protocol 2.

use std::collections::BTreeMap;

/// Number of an object.
pub(crate) type Id = usize;

/// An object of a pickle.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Object {
    /// `None`, a truth value or a number with a point, which no tensor needs.
    Other,
    Integer(i64),
    Text(String),
    /// A class or a function.
    Class {
        module: String,
        name: String,
    },
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// What a class or a function makes of a tuple of arguments.
    Call {
        callable: Id,
        arguments: Id,
    },
    /// What lies elsewhere in the file, by its name.
    Persistent(Id),
}

/// A pickle in its objects.
#[derive(Debug)]
pub(crate) struct Pickle {
    objects: Vec<Object>,
    /// The object that was pickled.
    pub(crate) root: Id,
}

impl Pickle {
    /// Reads a pickle.
    ///
    /// # Errors
    /// In words, if an opcode is unknown, its operands are missing, or the bytes end early.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut machine = Machine { bytes, at: 0, ..Machine::default() };
        loop {
            let at = machine.at;
            match machine.step() {
                Ok(None) => {}
                Ok(Some(root)) => return Ok(Self { objects: machine.objects, root }),
                Err(what) => return Err(format!("byte {at} of the pickle: {what}")),
            }
        }
    }

    pub(crate) fn get(&self, id: Id) -> &Object {
        &self.objects[id]
    }

    /// The elements of a tuple.
    pub(crate) fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Object::Tuple(elements) => Some(elements),
            _ => None,
        }
    }

    /// The numbers of a tuple of sizes.
    pub(crate) fn sizes(&self, id: Id) -> Option<Vec<usize>> {
        self.tuple(id)?.iter().map(|&element| self.size(element)).collect()
    }

    /// A number from 0 on.
    pub(crate) fn size(&self, id: Id) -> Option<usize> {
        match *self.get(id) {
            Object::Integer(number) => usize::try_from(number).ok(),
            _ => None,
        }
    }

    pub(crate) fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Module and name of a class or a function.
    pub(crate) fn class(&self, id: Id) -> Option<(&str, &str)> {
        match self.get(id) {
            Object::Class { module, name } => Some((module, name)),
            _ => None,
        }
    }
}

/// The stack machine that a pickle is a program for.
#[derive(Default)]
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    objects: Vec<Object>,
    stack: Vec<Id>,
    /// Heights of the stack, below which an opcode does not reach.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Id>,
}

impl Machine<'_> {
    /// Runs an opcode; gives the pickled object at the end.
    fn step(&mut self) -> Result<Option<Id>, String> {
        let [opcode] = self.take()?;
        match opcode {
            b'.' => return self.pop().map(Some),
            0x80 => {
                let [protocol] = self.take()?;
                if protocol > 3 {
                    return Err(format!("expected protocol 2, found {protocol}"));
                }
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'N' | 0x88 | 0x89 => self.push(Object::Other),
            b'G' => {
                self.take::<8>()?;
                self.push(Object::Other);
            }
            b'K' => {
                let [number] = self.take()?;
                self.push(Object::Integer(number.into()));
            }
            b'M' => {
                let number = u16::from_le_bytes(self.take()?);
                self.push(Object::Integer(number.into()));
            }
            b'J' => {
                let number = i32::from_le_bytes(self.take()?);
                self.push(Object::Integer(number.into()));
            }
            0x8a => {
                let [size] = self.take()?;
                let digits = self.slice(size.into())?;
                let number = integer(digits).ok_or("a number of more than 64 bits")?;
                self.push(Object::Integer(number));
            }
            b'X' => {
                let size = u32::from_le_bytes(self.take()?);
                let text = std::str::from_utf8(self.slice(size as usize)?)
                    .map_err(|_| "a text that is not UTF-8")?;
                let text = Object::Text(text.to_owned());
                self.push(text);
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Object::Class { module, name });
            }
            b')' => self.push(Object::Tuple(Vec::new())),
            b']' => self.push(Object::List(Vec::new())),
            b'}' => self.push(Object::Dict(Vec::new())),
            b't' => {
                let elements = self.pop_to_mark()?;
                self.push(Object::Tuple(elements));
            }
            0x85..=0x87 => {
                let mut elements = Vec::new();
                for _ in 0x84..opcode {
                    elements.insert(0, self.pop()?);
                }
                self.push(Object::Tuple(elements));
            }
            b'd' => {
                self.push(Object::Dict(Vec::new()));
                let dict = self.pop()?;
                let items = self.pop_to_mark()?;
                self.stack.push(dict);
                self.set(&items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set(&items)?;
            }
            b'a' => {
                let element = self.pop()?;
                self.append(&[element])?;
            }
            b'e' => {
                let elements = self.pop_to_mark()?;
                self.append(&elements)?;
            }
            // A function or a class that is called, and a class that is made.
            b'R' | 0x81 => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                let object = match &self.objects[callable] {
                    Object::Class { module, name }
                        if module == "collections"
                            && matches!(name.as_str(), "OrderedDict" | "defaultdict") =>
                    {
                        Object::Dict(Vec::new())
                    }
                    _ => Object::Call { callable, arguments },
                };
                self.push(object);
            }
            // The attributes of an object, which no tensor needs.
            b'b' => {
                self.pop()?;
                self.last()?;
            }
            b'Q' => {
                let name = self.pop()?;
                self.push(Object::Persistent(name));
            }
            b'q' | b'r' => {
                let (key, value) = (self.key(opcode == b'q')?, self.last()?);
                self.memo.insert(key, value);
            }
            b'h' | b'j' => {
                let key = self.key(opcode == b'h')?;
                let value = *self.memo.get(&key).ok_or("what was never kept")?;
                self.stack.push(value);
            }
            other => return Err(format!("opcode {other:#04x}, which no state dict needs")),
        }
        Ok(None)
    }

    fn slice(&mut self, count: usize) -> Result<&[u8], String> {
        let rest = &self.bytes[self.at..];
        let slice = rest.get(..count).ok_or_else(|| {
            format!("expected {count} more bytes, found {} before its end", rest.len())
        })?;
        self.at += count;
        Ok(slice)
    }

    fn take<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], String> {
        let mut bytes = [0; COUNT];
        bytes.copy_from_slice(self.slice(COUNT)?);
        Ok(bytes)
    }

    /// A number in the memo, of one byte or of four.
    fn key(&mut self, short: bool) -> Result<u32, String> {
        if short {
            self.take().map(|[key]| key.into())
        } else {
            self.take().map(u32::from_le_bytes)
        }
    }

    fn line(&mut self) -> Result<String, String> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or("a line without an end")?;
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        self.at += end + 1;
        Ok(line)
    }

    fn push(&mut self, object: Object) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    /// The last object behind the last mark.
    fn last(&self) -> Result<Id, String> {
        let above = self.stack.get(self.marks.last().copied().unwrap_or(0)..);
        above.and_then(<[Id]>::last).copied().ok_or_else(|| "an operand is missing".to_owned())
    }

    fn pop(&mut self) -> Result<Id, String> {
        let last = self.last()?;
        self.stack.pop();
        Ok(last)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().ok_or("a mark is missing")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    /// Adds keys and values, in turn, to the dictionary on the stack.
    fn set(&mut self, items: &[Id]) -> Result<(), String> {
        let (pairs, rest) = items.as_chunks::<2>();
        let dict = self.last()?;
        match &mut self.objects[dict] {
            Object::Dict(entries) if rest.is_empty() => {
                entries.extend(pairs.iter().map(|&[key, value]| (key, value)));
                Ok(())
            }
            _ => Err("items of something that is no dictionary".to_owned()),
        }
    }

    fn append(&mut self, elements: &[Id]) -> Result<(), String> {
        let list = self.last()?;
        match &mut self.objects[list] {
            Object::List(list) => {
                list.extend(elements);
                Ok(())
            }
            _ => Err("elements of something that is no list".to_owned()),
        }
    }
}

/// A number in two's complement, its lowest digit first; `None` if it has more than 64 bits.
fn integer(digits: &[u8]) -> Option<i64> {
    let sign = if digits.last().is_some_and(|&digit| digit >= 0x80) { 0xff } else { 0 };
    let mut bytes = [sign; 8];
    bytes.get_mut(..digits.len())?.copy_from_slice(digits);
    Some(i64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_makes_its_objects() {
        // {'a': (3, -2, 260)}, in which the tuple is kept and used twice.
        let bytes = b"\x80\x02}(X\x01\0\0\0aK\x03J\xfe\xff\xff\xff\x8a\x02\x04\x01\x87q\x05X\x01\0\0\0bh\x05u.";
        let pickle = Pickle::parse(bytes).unwrap();
        let Object::Dict(entries) = pickle.get(pickle.root) else { panic!("a dictionary") };
        assert_eq!(pickle.text(entries[1].0), Some("b"));
        assert_eq!(entries[0].1, entries[1].1);
        let numbers = pickle.tuple(entries[0].1).unwrap();
        let integers = [3, -2, 260].map(Object::Integer);
        assert!(numbers.iter().zip(&integers).all(|(&id, integer)| pickle.get(id) == integer));
        assert_eq!(pickle.sizes(entries[0].1), None);
    }

    #[test]
    fn what_is_kept_and_used_again_and_again_is_there_once() {
        // Thirty tuples of the one before, twice each: 2³⁰ objects if they were copied.
        let mut bytes = b"\x80\x02)".to_vec();
        for number in 0..30 {
            bytes.extend([b'q', number, b'h', number, 0x86]);
        }
        bytes.push(b'.');
        assert_eq!(Pickle::parse(&bytes).unwrap().objects.len(), 31);
        // A million tuples in each other.
        let deep = [&b"\x80\x02)"[..], &vec![0x85; 1_000_000], b"."].concat();
        assert_eq!(Pickle::parse(&deep).unwrap().objects.len(), 1_000_001);
    }

    #[test]
    fn damage_is_named_with_its_place() {
        let cases: [(&[u8], &str); 9] = [
            (b"", "byte 0 of the pickle: expected 1 more bytes, found 0 before its end"),
            (b"\x80\x04.", "byte 0 of the pickle: expected protocol 2, found 4"),
            (b"\x95", "byte 0 of the pickle: opcode 0x95, which no state dict needs"),
            (b"X\xff\xff\xff\x7fa", "expected 2147483647 more bytes, found 1 before its end"),
            (b"\x8a\x09aaaaaaaaa.", "a number of more than 64 bits"),
            (b"N(a", "byte 2 of the pickle: an operand is missing"),
            (b"Nt", "a mark is missing"),
            (b"N(NNu", "items of something that is no dictionary"),
            (b"h\x07", "what was never kept"),
        ];
        for (bytes, words) in cases {
            let text = Pickle::parse(bytes).unwrap_err();
            assert!(text.contains(words), "{text}");
        }
    }
}
