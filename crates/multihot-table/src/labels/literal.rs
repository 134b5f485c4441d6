//! Lists and dictionaries in a cell, as JSON, Python or NumPy writes them.
//!
//! One parser reads all three, because tables mix them: pandas writes `['a', 'b']` where it was
//! given JSON, NumPy leaves commas out (`[0 1 1]`) and wraps values (`np.str_('a')`). Nothing is
//! evaluated.

/// Lists in lists go no deeper in any label format, and a cell cannot make the parser recurse more.
const MOST_DEEP: usize = 16;

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    /// `null`, `None`, `NaN`.
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// A list, tuple or set.
    List(Vec<Literal>),
    Dict(Vec<(String, Literal)>),
}

impl Literal {
    /// Reads `text`, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text };
        let value = parser.value(0)?;
        parser.skip_blanks();
        if parser.rest.is_empty() {
            Ok(value)
        } else {
            Err("something follows after its end".into())
        }
    }

    /// A name or a number as a name.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            Literal::Text(text) => Some(text.clone()),
            Literal::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: usize) -> Result<Literal, String> {
        if depth > MOST_DEEP {
            return Err(format!("lists in lists, more than {MOST_DEEP} deep"));
        }
        self.skip_blanks();
        match self.peek() {
            None => Err("it ends in the middle".into()),
            Some('[') => self.list(']', depth).map(Literal::List),
            Some('(') => self.list(')', depth).map(Literal::List),
            Some('{') => self.dict_or_set(depth),
            Some('"' | '\'') => self.quoted().map(Literal::Text),
            Some(_) => self.word(depth),
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    /// Takes `c` where it comes next.
    fn takes(&mut self, c: char) -> bool {
        let is_next = self.rest.starts_with(c);
        if is_next {
            self.rest = &self.rest[c.len_utf8()..];
        }
        is_next
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// The values up to `end`, between commas or, as NumPy has it, blanks.
    fn list(&mut self, end: char, depth: usize) -> Result<Vec<Literal>, String> {
        self.take();
        let mut values = Vec::new();
        loop {
            self.skip_blanks();
            if self.takes(end) {
                return Ok(values);
            }
            values.push(self.value(depth + 1)?);
            self.after_value(end)?;
        }
    }

    /// Goes on behind a value: over a comma, or to `end`, or to the next value.
    fn after_value(&mut self, end: char) -> Result<(), String> {
        let before = self.rest;
        self.skip_blanks();
        let has_gap = before.len() != self.rest.len();
        if self.takes(',') || self.rest.starts_with(end) || (has_gap && !self.rest.is_empty()) {
            return Ok(());
        }
        Err(match self.peek() {
            None => format!("`{end}` is missing at its end"),
            Some(found) => format!("`{found}` stands where `,` or `{end}` is expected"),
        })
    }

    fn dict_or_set(&mut self, depth: usize) -> Result<Literal, String> {
        self.take();
        let (mut entries, mut values) = (Vec::new(), Vec::new());
        loop {
            self.skip_blanks();
            if self.takes('}') {
                break;
            }
            let value = self.value(depth + 1)?;
            self.skip_blanks();
            if self.takes(':') {
                let key = value.name().ok_or("a key is neither a name nor a number")?;
                entries.push((key, self.value(depth + 1)?));
            } else {
                values.push(value);
            }
            self.after_value('}')?;
        }
        match (entries.is_empty(), values.is_empty()) {
            (true, false) => Ok(Literal::List(values)),
            (_, true) => Ok(Literal::Dict(entries)),
            _ => Err("a value without a key stands in it".into()),
        }
    }

    fn quoted(&mut self) -> Result<String, String> {
        let quote = self.take();
        let mut text = String::new();
        while let Some(c) = self.take() {
            match c {
                c if Some(c) == quote => return Ok(text),
                '\\' => self.escape(&mut text)?,
                c => text.push(c),
            }
        }
        Err("a quote is opened in it and never closed".into())
    }

    fn escape(&mut self, text: &mut String) -> Result<(), String> {
        let c = self.take().ok_or("it ends in the middle")?;
        let meant = match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            '\\' | '\'' | '"' | '/' => c,
            'x' => self.coded(2)?,
            'u' => self.coded(4)?,
            'U' => self.coded(8)?,
            // Python leaves the backslash of what is no escape.
            other => {
                text.push('\\');
                other
            }
        };
        text.push(meant);
        Ok(())
    }

    /// The character of `n` hexadecimal digits, or of a pair of surrogates.
    fn coded(&mut self, n: usize) -> Result<char, String> {
        let code = self.digits(n)?;
        if (0xD800..0xDC00).contains(&code) && self.rest.starts_with("\\u") {
            let before = self.rest;
            self.rest = &self.rest[2..];
            let low = self.digits(4)?;
            if (0xDC00..0xE000).contains(&low) {
                let code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.rest = before;
        }
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn digits(&mut self, n: usize) -> Result<u32, String> {
        let digits = self.rest.get(..n);
        let code = digits
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or("an escape lacks its digits")?;
        self.rest = &self.rest[n..];
        Ok(code)
    }

    /// A number, a constant, a value in a call such as `np.str_('a')`, or a name without quotes.
    fn word(&mut self, depth: usize) -> Result<Literal, String> {
        let is_end = |c: char| {
            c.is_whitespace()
                || matches!(
                    c,
                    ',' | ':' | '[' | ']' | '(' | ')' | '{' | '}' | '"' | '\''
                )
        };
        let word = self.up_to(is_end);
        if let Some(value) = constant(word) {
            return Ok(value);
        }
        let is_call = word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b));
        if is_call && self.rest.starts_with('(') {
            return self.call(depth);
        }
        // Python 2 writes `u'a'`.
        if word == "u" && self.rest.starts_with(['\'', '"']) {
            return self.quoted().map(Literal::Text);
        }
        let more = self.up_to(|c| matches!(c, ',' | ':' | '[' | ']' | '{' | '}' | '"' | '\''));
        let name = format!("{word}{more}");
        match name.trim() {
            "" => Err(match self.peek() {
                Some(found) => format!("`{found}` stands where a value is expected"),
                None => "it ends in the middle".into(),
            }),
            name => Ok(Literal::Text(name.to_owned())),
        }
    }

    fn up_to(&mut self, is_end: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// The first of the values that a call is given, or an empty list for `set()`.
    fn call(&mut self, depth: usize) -> Result<Literal, String> {
        self.take();
        self.skip_blanks();
        if self.takes(')') {
            return Ok(Literal::List(Vec::new()));
        }
        let value = self.value(depth + 1)?;
        // `dtype=object` and the like.
        self.up_to(|c| c == ')');
        if self.takes(')') {
            Ok(value)
        } else {
            Err("`)` is missing at its end".into())
        }
    }
}

fn constant(word: &str) -> Option<Literal> {
    match word {
        "true" | "True" => Some(Literal::Bool(true)),
        "false" | "False" => Some(Literal::Bool(false)),
        "null" | "None" | "nan" | "NaN" => Some(Literal::Null),
        // `parse` would take `inf` and `infinity`, which may be names.
        _ if word.ends_with(|c: char| c.is_ascii_digit() || c == '.') => {
            let number: f64 = word.parse().ok()?;
            number.is_finite().then_some(Literal::Number(number))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A short way to write what was read.
    fn read(text: &str) -> String {
        match Literal::parse(text) {
            Ok(value) => show(&value),
            Err(problem) => format!("! {problem}"),
        }
    }

    fn show(value: &Literal) -> String {
        match value {
            Literal::Null => "null".into(),
            Literal::Bool(value) => value.to_string(),
            Literal::Number(number) => number.to_string(),
            Literal::Text(text) => format!("<{text}>"),
            Literal::List(values) => {
                let values: Vec<String> = values.iter().map(show).collect();
                format!("[{}]", values.join(" "))
            }
            Literal::Dict(entries) => {
                let entries = entries.iter();
                let entries = entries.map(|(key, value)| format!("{key}={}", show(value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn lists_of_every_writer_are_read() {
        let cases = [
            ("json", r#"["a", "b c"]"#, "[<a> <b c>]"),
            ("python", "['a', 'b c']", "[<a> <b c>]"),
            ("python with a quote", r#"["it's", 'x']"#, "[<it's> <x>]"),
            ("tuple", "('a', 'b')", "[<a> <b>]"),
            ("tuple of one", "('a',)", "[<a>]"),
            ("set", "{'a', 'b'}", "[<a> <b>]"),
            ("empty", "[ ]", "[]"),
            ("empty tuple", "()", "[]"),
            ("empty set", "set()", "[]"),
            ("empty dict", "{}", "{}"),
            ("numpy names", "['a' 'b']", "[<a> <b>]"),
            ("numpy numbers", "[0 1\n 1]", "[0 1 1]"),
            ("numpy floats", "[0. 1. 0.5]", "[0 1 0.5]"),
            ("numpy scalars", "[np.str_('a'), np.int64(3)]", "[<a> 3]"),
            ("array", "array(['a', 'b'], dtype=object)", "[<a> <b>]"),
            ("tensor", "tensor([0., 1.])", "[0 1]"),
            ("python 2", "[u'a', u'é']", "[<a> <é>]"),
            ("no quotes", "[sports, New York]", "[<sports> <New York>]"),
            ("numbers", "[2,-1, 1e3,0.25]", "[2 -1 1000 0.25]"),
            (
                "constants",
                "[true, False, None, null, NaN]",
                "[true false null null null]",
            ),
            (
                "no constants",
                "[nano, inf, trueish]",
                "[<nano> <inf> <trueish>]",
            ),
            ("dict", "{'a': 1.0, \"b\": 0, 3: True}", "{a=1 b=0 3=true}"),
            (
                "nested",
                r#"[{"label":"a","value":1},[2]]"#,
                "[{label=<a> value=1} [2]]",
            ),
            ("comma at the end", "['a',]", "[<a>]"),
            ("blanks round it", " [ 'a' ] ", "[<a>]"),
            ("a comma in a name", "['a, b']", "[<a, b>]"),
            ("joined emoji", "['👩‍💻']", "[<👩‍💻>]"),
        ];
        for (name, text, expected) in cases {
            assert_eq!(read(text), expected, "{name}");
        }
    }

    #[test]
    fn escapes_are_undone() {
        let cases = [
            (r#"["a\"b"]"#, "[<a\"b>]"),
            (r"['it\'s']", "[<it's>]"),
            (r#"["\u00e9\/\n"]"#, "[<é/\n>]"),
            (r#"["\ud83d\ude00"]"#, "[<😀>]"),
            (r"['\U0001f600\xe9']", "[<😀é>]"),
            (r#"["\ud83d"]"#, "[<\u{fffd}>]"),
            (r#"["\ud83d\u0041"]"#, "[<\u{fffd}A>]"),
            (r"['a\d']", r"[<a\d>]"),
            (r"['\x4']", "! an escape lacks its digits"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("", "! it ends in the middle"),
            ("['a", "! a quote is opened in it and never closed"),
            ("['a'", "! `]` is missing at its end"),
            ("['a',", "! it ends in the middle"),
            ("['a'] x", "! something follows after its end"),
            ("['a';'b']", "! `;` stands where `,` or `]` is expected"),
            ("['a',,'b']", "! `,` stands where a value is expected"),
            ("{'a': 1, 'b'}", "! a value without a key stands in it"),
            ("{[1]: 2}", "! a key is neither a name nor a number"),
            ("array(['a']", "! `)` is missing at its end"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(read(&deep), "! lists in lists, more than 16 deep");
    }

    proptest! {
        #[test]
        fn json_reads_as_json(names in prop::collection::vec("[a'\"\\\\,\\]\\[ \n\tüé😀\u{2028}]{0,6}", 0..5)) {
            let json = serde_json::to_string(&names).unwrap();
            let expected = Literal::List(names.into_iter().map(Literal::Text).collect());
            prop_assert_eq!(Literal::parse(&json), Ok(expected));
        }

        #[test]
        fn any_text_ends_in_a_value_or_a_problem(text in "[\\[\\](){}:,'\"\\\\ua1.n-]{0,30}|\\PC{0,20}") {
            let _ = Literal::parse(&text);
        }
    }
}
