//! A reader of pickles that can only build tensors.
//!
//! A pickle is a program for a small stack machine, and Python's runs whatever it names. This one
//! knows the instructions that `torch.save` writes for a state dict, and the names in
//! [`Callable::named`]; anything else is an error before anything is built. Values live in one
//! arena and point to each other by index, so deep or circular ones cost nothing to drop.

use std::collections::HashMap;

use crate::TorchError;
use crate::weights::DType;

// A state dict of a thousand tensors makes about thirty thousand values in a hundred kilobytes.
const MAX_PICKLE: usize = 64 << 20;
const MAX_VALUES: usize = 4_000_000;
const MAX_STACK: usize = 1_000_000;
// The limits of PyTorch itself, or above.
const MAX_DIMENSIONS: usize = 64;
const MAX_ARGUMENTS: usize = 16;
/// Bytes of a storage's key or of a module's name, which may be copied often.
const MAX_NAME: usize = 256;

/// The place of a value in the arena.
pub(crate) type Id = usize;

/// A value that a pickle can build here.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// Wider than 64 bits, little-endian two's complement.
    Long(Vec<u8>),
    /// Only passed over.
    Float,
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Callable(Callable),
    Storage(StorageRef),
    Tensor(TensorRef),
}

/// The names that may be called, or stand for a type of storage.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Callable {
    OrderedDict,
    RebuildTensor,
    RebuildTensorV2,
    RebuildParameter,
    Size,
    Storage { dtype: DType, bytes: usize },
}

/// Numbers of one type in a row, as the pickle promises them.
#[derive(Clone, Debug)]
pub(crate) struct StorageRef {
    pub(crate) key: String,
    pub(crate) dtype: DType,
    /// Bytes of one number.
    pub(crate) size: usize,
    /// How many numbers the whole storage has.
    pub(crate) count: usize,
    /// Where this view of it starts, in numbers.
    pub(crate) start: usize,
}

/// A tensor on a storage.
#[derive(Clone, Debug)]
pub(crate) struct TensorRef {
    pub(crate) storage: StorageRef,
    pub(crate) offset: usize,
    pub(crate) shape: Vec<usize>,
    pub(crate) strides: Vec<usize>,
}

/// What one pickle built.
#[derive(Debug)]
pub(crate) struct Pickle {
    values: Vec<Value>,
    root: Id,
    /// How many bytes it took.
    pub(crate) length: usize,
}

impl Pickle {
    /// Runs the pickle at the start of `bytes`.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, TorchError> {
        let mut machine = Machine {
            bytes: &bytes[..bytes.len().min(MAX_PICKLE)],
            at: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        let root = machine.run().map_err(|error| match error {
            TorchError::Truncated { .. } if bytes.len() > MAX_PICKLE => TorchError::Limit {
                what: "bytes",
                limit: MAX_PICKLE,
            },
            error => error,
        })?;
        Ok(Self {
            values: machine.values,
            root,
            length: machine.at,
        })
    }

    /// What the whole pickle is.
    pub(crate) fn root(&self) -> &Value {
        &self.values[self.root]
    }

    /// The value at `id`.
    pub(crate) fn value(&self, id: Id) -> &Value {
        &self.values[id]
    }

    /// The value under the text `key` of a dict.
    pub(crate) fn entry<'a>(&'a self, dict: &Value, key: &str) -> Option<&'a Value> {
        let Value::Dict(entries) = dict else {
            return None;
        };
        // The last one wins, as in Python.
        let (_, value) = entries
            .iter()
            .rev()
            .find(|(name, _)| matches!(self.value(*name), Value::Text(name) if name == key))?;
        Some(self.value(*value))
    }
}

impl Callable {
    fn named(module: &str, name: &str) -> Result<Self, TorchError> {
        let storage = |dtype, bytes| Ok(Self::Storage { dtype, bytes });
        match (module, name) {
            ("collections", "OrderedDict") => Ok(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor") => Ok(Self::RebuildTensor),
            ("torch._utils", "_rebuild_tensor_v2") => Ok(Self::RebuildTensorV2),
            ("torch._utils", "_rebuild_parameter") => Ok(Self::RebuildParameter),
            ("torch", "Size") => Ok(Self::Size),
            ("torch", "FloatStorage") => storage(DType::F32, 4),
            ("torch", "HalfStorage") => storage(DType::F16, 2),
            ("torch", "BFloat16Storage") => storage(DType::BF16, 2),
            ("torch", "DoubleStorage") => storage(DType::Other("f64"), 8),
            ("torch", "LongStorage") => storage(DType::Other("int64"), 8),
            ("torch", "IntStorage") => storage(DType::Other("int32"), 4),
            ("torch", "ShortStorage") => storage(DType::Other("int16"), 2),
            ("torch", "CharStorage") => storage(DType::Other("int8"), 1),
            ("torch", "ByteStorage") => storage(DType::Other("uint8"), 1),
            ("torch", "BoolStorage") => storage(DType::Other("bool"), 1),
            _ => Err(TorchError::Forbidden {
                name: format!("{module}.{name}"),
            }),
        }
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Id, TorchError> {
        loop {
            let offset = self.at;
            match self.byte()? {
                b'.' => return self.pop(),
                opcode => self.step(opcode, offset)?,
            }
        }
    }

    /// One instruction, by the letters of Python's pickletools.
    fn step(&mut self, opcode: u8, offset: usize) -> Result<(), TorchError> {
        match opcode {
            // PROTO: 2 is what torch.save writes, 5 the newest.
            0x80 => match self.byte()? {
                2..=5 => Ok(()),
                _ => Err(self.broken("an unknown pickle protocol")),
            },
            // FRAME: its length says nothing that we need.
            0x95 => self.take(8).map(|_| ()),
            b'(' => self.mark(),
            b'0' => self.pop().map(|_| ()),
            b'1' => self.pop_mark().map(|_| ()),
            b'N' | 0x88 | 0x89 | b'J' | b'K' | b'M' | 0x8a | b'G' => self.number(opcode),
            b'X' | 0x8c | b'T' | b'U' => self.text(opcode),
            b')' => self.push(Value::Tuple(Vec::new())),
            b']' => self.push(Value::List(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            b't' | b'l' | b'd' | 0x85 | 0x86 | 0x87 => self.collect(opcode),
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.remember(opcode),
            b'a' | b'e' | b's' | b'u' => self.fill(opcode),
            b'c' | 0x93 => self.name(opcode),
            b'R' => self.call(),
            b'b' => self.set_state(),
            b'Q' => self.storage(),
            // INST, OBJ, NEWOBJ, NEWOBJ_EX would build objects, EXT1 … name them by number.
            opcode => Err(TorchError::Opcode { opcode, offset }),
        }
    }

    fn number(&mut self, opcode: u8) -> Result<(), TorchError> {
        let value = match opcode {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'J' => Value::Int(i32::from_le_bytes(self.array()?).into()),
            b'K' => Value::Int(self.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.array()?).into()),
            b'G' => {
                self.take(8)?;
                Value::Float
            }
            _ => {
                let length = self.byte()?.into();
                long(self.take(length)?)
            }
        };
        self.push(value)
    }

    fn text(&mut self, opcode: u8) -> Result<(), TorchError> {
        let length = match opcode {
            b'X' | b'T' => u32::from_le_bytes(self.array()?) as usize,
            _ => self.byte()?.into(),
        };
        let bytes = self.take(length)?.to_vec();
        let text = String::from_utf8(bytes).map_err(|_| self.broken("a text is not UTF-8"))?;
        self.push(Value::Text(text))
    }

    fn collect(&mut self, opcode: u8) -> Result<(), TorchError> {
        let items = match opcode {
            0x85..=0x87 => self.pop_many(usize::from(opcode - 0x84))?,
            _ => self.pop_mark()?,
        };
        let value = match opcode {
            b'l' => Value::List(items),
            b'd' => Value::Dict(self.pairs(&items)?),
            _ => Value::Tuple(items),
        };
        self.push(value)
    }

    fn remember(&mut self, opcode: u8) -> Result<(), TorchError> {
        let slot = match opcode {
            b'q' | b'h' => self.byte()?.into(),
            b'r' | b'j' => u32::from_le_bytes(self.array()?),
            _ => u32::try_from(self.memo.len()).map_err(|_| self.broken("too full a memo"))?,
        };
        if matches!(opcode, b'h' | b'j') {
            let id = self.memo.get(&slot).copied();
            let id = id.ok_or_else(|| self.broken("a memo slot that was never filled"))?;
            return self.push_id(id);
        }
        if self.memo.len() >= MAX_VALUES {
            return Err(TorchError::Limit {
                what: "memo slots",
                limit: MAX_VALUES,
            });
        }
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    /// Puts what lies on the stack into the list or dict below it.
    fn fill(&mut self, opcode: u8) -> Result<(), TorchError> {
        let items = match opcode {
            b'a' => self.pop_many(1)?,
            b's' => self.pop_many(2)?,
            _ => self.pop_mark()?,
        };
        let target = self.top()?;
        if matches!(opcode, b's' | b'u') {
            let pairs = self.pairs(&items)?;
            match &mut self.values[target] {
                Value::Dict(entries) => entries.extend(pairs),
                _ => return Err(self.broken("entries for something that is no dict")),
            }
        } else {
            match &mut self.values[target] {
                Value::List(list) => list.extend(items),
                _ => return Err(self.broken("items for something that is no list")),
            }
        }
        Ok(())
    }

    fn name(&mut self, opcode: u8) -> Result<(), TorchError> {
        let (module, name) = match opcode {
            b'c' => (self.line()?, self.line()?),
            _ => {
                let parts = self.pop_many(2)?;
                (self.text_of(parts[0])?, self.text_of(parts[1])?)
            }
        };
        self.push(Value::Callable(Callable::named(&module, &name)?))
    }

    fn call(&mut self) -> Result<(), TorchError> {
        let parts = self.pop_many(2)?;
        let Value::Callable(callable) = self.values[parts[0]] else {
            return Err(self.broken("a call of something that is no name"));
        };
        let arguments = match &self.values[parts[1]] {
            Value::Tuple(arguments) if arguments.len() <= MAX_ARGUMENTS => arguments.clone(),
            _ => return Err(self.broken("a call without a tuple of a few arguments")),
        };
        let value = match callable {
            Callable::OrderedDict => self.ordered_dict(&arguments)?,
            Callable::RebuildTensor | Callable::RebuildTensorV2 => self.tensor(&arguments)?,
            Callable::RebuildParameter => match arguments.first().map(|id| &self.values[*id]) {
                Some(Value::Tensor(tensor)) => Value::Tensor(tensor.clone()),
                _ => return Err(self.broken("a parameter without its tensor")),
            },
            Callable::Size => match arguments.first().map(|id| &self.values[*id]) {
                Some(Value::Tuple(sides)) if sides.len() <= MAX_DIMENSIONS => {
                    Value::Tuple(sides.clone())
                }
                _ => return Err(self.broken("a size without its few numbers")),
            },
            Callable::Storage { .. } => return Err(self.broken("a call of a storage type")),
        };
        self.push(value)
    }

    /// `OrderedDict()`, or as Python 2 wrote it `OrderedDict([[key, value], …])`.
    fn ordered_dict(&mut self, arguments: &[Id]) -> Result<Value, TorchError> {
        let Some(list) = arguments.first() else {
            return Ok(Value::Dict(Vec::new()));
        };
        // Taken rather than copied: copies of one long list would fill the memory.
        let items = match &mut self.values[*list] {
            Value::List(items) => std::mem::take(items),
            _ => return Err(self.broken("a dict made of something that is no list")),
        };
        let pair = |id: &Id| match &self.values[*id] {
            Value::Tuple(pair) | Value::List(pair) if pair.len() == 2 => Ok((pair[0], pair[1])),
            _ => Err(self.broken("a dict made of something that is no pair")),
        };
        items
            .iter()
            .map(pair)
            .collect::<Result<_, _>>()
            .map(Value::Dict)
    }

    /// `(storage, offset, shape, strides, …)`; what follows is about gradients.
    fn tensor(&self, arguments: &[Id]) -> Result<Value, TorchError> {
        let [storage, offset, shape, strides, ..] = arguments else {
            return Err(self.broken("a tensor with too few arguments"));
        };
        let Value::Storage(storage) = &self.values[*storage] else {
            return Err(self.broken("a tensor without its storage"));
        };
        let (shape, strides) = (self.sides(*shape)?, self.sides(*strides)?);
        if shape.len() != strides.len() {
            return Err(self.broken("a tensor with more sides than strides, or fewer"));
        }
        let offset = self.count_of(*offset)?;
        Ok(Value::Tensor(TensorRef {
            storage: storage.clone(),
            offset,
            shape,
            strides,
        }))
    }

    /// `('storage', type, key, device, count)`, in the older layout with a view or None behind.
    fn storage(&mut self) -> Result<(), TorchError> {
        let id = self.pop()?;
        let parts = match &self.values[id] {
            Value::Tuple(parts) if matches!(parts.len(), 5 | 6) => parts.clone(),
            _ => return Err(self.broken("a storage that is not described as one")),
        };
        let Value::Callable(Callable::Storage { dtype, bytes }) = self.values[parts[1]] else {
            return Err(self.broken("a storage without a type"));
        };
        if !matches!(&self.values[parts[0]], Value::Text(kind) if kind == "storage") {
            return Err(self.broken("a reference to something that is no storage"));
        }
        let start = match parts.get(5).map(|id| &self.values[*id]) {
            None | Some(Value::None) => 0,
            // (key, offset, size): the tensor is checked against the whole storage.
            Some(Value::Tuple(view)) if view.len() == 3 => self.count_of(view[1])?,
            Some(_) => return Err(self.broken("a storage with a view that is none")),
        };
        let storage = StorageRef {
            key: self.text_of(parts[2])?,
            dtype,
            size: bytes,
            count: self.count_of(parts[4])?,
            start,
        };
        self.push(Value::Storage(storage))
    }

    /// Sets attributes. On a dict they are `_metadata`, versions of modules, which nobody needs.
    fn set_state(&mut self) -> Result<(), TorchError> {
        self.pop()?;
        let target = self.top()?;
        match self.values[target] {
            Value::Dict(_) => Ok(()),
            _ => Err(self.broken("attributes for something that is no dict")),
        }
    }

    fn sides(&self, id: Id) -> Result<Vec<usize>, TorchError> {
        match &self.values[id] {
            Value::Tuple(sides) if sides.len() <= MAX_DIMENSIONS => {
                sides.iter().map(|side| self.count_of(*side)).collect()
            }
            _ => Err(self.broken("a shape that is no tuple of a few numbers")),
        }
    }

    fn count_of(&self, id: Id) -> Result<usize, TorchError> {
        match self.values[id] {
            Value::Int(count) => {
                usize::try_from(count).map_err(|_| self.broken("a negative size or stride"))
            }
            _ => Err(self.broken("something else where a number should be")),
        }
    }

    fn text_of(&self, id: Id) -> Result<String, TorchError> {
        match &self.values[id] {
            Value::Text(text) if text.len() <= MAX_NAME => Ok(text.clone()),
            _ => Err(self.broken("something else where a name should be")),
        }
    }

    fn pairs(&self, items: &[Id]) -> Result<Vec<(Id, Id)>, TorchError> {
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.broken("a key without a value"));
        }
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    }

    fn mark(&mut self) -> Result<(), TorchError> {
        if self.marks.len() >= MAX_STACK {
            return Err(TorchError::Limit {
                what: "marks on its stack",
                limit: MAX_STACK,
            });
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn push(&mut self, value: Value) -> Result<(), TorchError> {
        if self.values.len() >= MAX_VALUES {
            return Err(TorchError::Limit {
                what: "values",
                limit: MAX_VALUES,
            });
        }
        self.values.push(value);
        self.push_id(self.values.len() - 1)
    }

    fn push_id(&mut self, id: Id) -> Result<(), TorchError> {
        if self.stack.len() >= MAX_STACK {
            return Err(TorchError::Limit {
                what: "values on its stack",
                limit: MAX_STACK,
            });
        }
        self.stack.push(id);
        Ok(())
    }

    /// The lowest place on the stack that may be taken: nothing below a mark is.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, TorchError> {
        self.stack[self.floor().min(self.stack.len())..]
            .last()
            .copied()
            .ok_or_else(|| self.broken("nothing is on the stack"))
    }

    fn pop(&mut self) -> Result<Id, TorchError> {
        self.pop_many(1).map(|ids| ids[0])
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, TorchError> {
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= self.floor() => Ok(self.stack.split_off(start)),
            _ => Err(self.broken("too little is on the stack")),
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, TorchError> {
        let mark = self
            .marks
            .pop()
            .ok_or_else(|| self.broken("no mark is on the stack"))?;
        Ok(self.stack.split_off(mark))
    }

    fn byte(&mut self) -> Result<u8, TorchError> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TorchError> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("exactly N bytes were taken"))
    }

    fn take(&mut self, length: usize) -> Result<&[u8], TorchError> {
        let end = self
            .at
            .checked_add(length)
            .filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(TorchError::Truncated {
            offset: self.bytes.len(),
        })?;
        let start = std::mem::replace(&mut self.at, end);
        Ok(&self.bytes[start..end])
    }

    /// Text up to the end of the line, as GLOBAL has it.
    fn line(&mut self) -> Result<String, TorchError> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| *byte == b'\n');
        let length = length.ok_or(TorchError::Truncated {
            offset: self.bytes.len(),
        })?;
        let line = String::from_utf8_lossy(&rest[..length]).into_owned();
        self.at += length + 1;
        Ok(line)
    }

    fn broken(&self, what: &'static str) -> TorchError {
        TorchError::Broken {
            offset: self.at,
            what,
        }
    }
}

/// A whole number of any width, little-endian two's complement.
fn long(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::Long(bytes.to_vec());
    }
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_width_are_read() {
        let cases: [(&str, &[u8], i64); 5] = [
            ("one byte", b"K\x07.", 7),
            ("two bytes", b"M\x00\x01.", 256),
            ("four bytes", b"J\xff\xff\xff\xff.", -1),
            ("an empty long", b"\x8a\x00.", 0),
            ("a negative long", b"\x8a\x01\xfe.", -2),
        ];
        for (name, bytes, expected) in cases {
            let pickle = Pickle::read(bytes).unwrap();
            assert!(
                matches!(pickle.root(), Value::Int(i) if *i == expected),
                "{name}: {pickle:?}"
            );
        }
    }

    #[test]
    fn whatever_would_run_something_is_named_and_refused() {
        let cases: [(&str, &[u8], &str); 7] = [
            (
                "system",
                b"\x80\x02cposix\nsystem\nX\x02\0\0\0ls\x85R.",
                "`posix.system`",
            ),
            (
                "eval by stack",
                b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.",
                "`builtins.eval`",
            ),
            ("a name of torch", b"ctorch\nload\n.", "`torch.load`"),
            (
                "a dotted name",
                b"\x8c\x05torch\x8c\x0cFloatStorage\xff.",
                "0xff",
            ),
            ("inst", b"(ios\nsystem\n.", "0x69"),
            ("new object", b"ccollections\nOrderedDict\n)\x81.", "0x81"),
            ("an extension", b"\x82\x01.", "0x82"),
        ];
        for (name, bytes, expected) in cases {
            let error = Pickle::read(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
            assert!(error.contains("only tensors are read"), "{name}: {error}");
        }
    }

    #[test]
    fn broken_pickles_are_errors() {
        let cases: [(&str, &[u8]); 14] = [
            ("nothing", b""),
            ("no stop", b"N"),
            ("an empty stack", b"."),
            ("a text past the end", b"X\xff\xff\xff\xffabc."),
            ("a text that is not UTF-8", b"U\x01\xff."),
            ("no mark", b"t."),
            ("a pop below a mark", b"N(0."),
            ("a memo slot never filled", b"h\x05."),
            ("an append to a dict", b"}Na."),
            ("an entry into a list", b"]NNs."),
            ("a key without a value", b"}(Nu."),
            ("a call of None", b"N)R."),
            ("a storage of nothing", b"NQ."),
            (
                "a tensor of nothing",
                b"ctorch._utils\n_rebuild_tensor_v2\n)R.",
            ),
        ];
        for (name, bytes) in cases {
            assert!(Pickle::read(bytes).is_err(), "{name}");
        }
    }

    #[test]
    fn deep_and_circular_values_do_no_harm() {
        let deep = [b"N".as_slice(), &[0x85; 500_000], b"."].concat();
        assert!(Pickle::read(&deep).is_ok());
        assert!(Pickle::read(b"]q\x00h\x00a.").is_ok());
        let many = [b")".repeat(MAX_STACK + 1), b".".to_vec()].concat();
        assert!(matches!(Pickle::read(&many), Err(TorchError::Limit { .. })));
        let doubling = [b"(".repeat(MAX_STACK + 1), b".".to_vec()].concat();
        assert!(matches!(
            Pickle::read(&doubling),
            Err(TorchError::Limit { .. })
        ));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(0u8.., 0..200)) {
            let _ = Pickle::read(&bytes);
        }
    }
}
