//! Attention of every token to the tokens of its row, head by head.

use std::ops::Range;

use half::bf16;

use crate::arithmetic::F32;
use crate::dropout::{Mask, active};
use crate::grid::{Grid, Rectangle};
use crate::lanes::functions::exp;
use crate::lanes::{Kernel, Lanes};
use crate::multiply::{Begin, Multiply, Pack, Panels, Strided};
use crate::numbers::{Element, Round};
use crate::{Cpu, Dropout, NumbersMut, NumbersRef, Work};

/// How many queries are worked on at a time: whole tiles, whose scores fit the second cache.
const QUERIES: usize = 48;

/// Where the rows lie in a batch, and how a token's width is divided into heads.
#[derive(Clone, Copy, Debug)]
pub struct AttentionShape<'a> {
    /// The first token of every row, then the count of all tokens.
    pub row_starts: &'a [usize],
    /// How many heads there are.
    pub n_heads: usize,
    /// The width of one head.
    pub head_dim: usize,
    /// Which tokens ask.
    pub queries: Queries,
}

/// Which tokens of a row attend to its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queries {
    /// Every one.
    All,
    /// The first one: all that a head reads which looks at first tokens only.
    First,
}

impl AttentionShape<'_> {
    fn width(&self) -> usize {
        self.n_heads * self.head_dim
    }

    fn scale(&self) -> f32 {
        (1.0 / (self.head_dim as f64).sqrt()) as f32
    }

    /// The count of tokens, after a look whether the rows make sense.
    fn tokens(&self) -> usize {
        assert_eq!(
            self.row_starts.first().unwrap_or(&0),
            &0,
            "attention: rows start at token 0"
        );
        assert!(
            self.row_starts.is_sorted(),
            "attention: `row_starts` is not in order"
        );
        self.row_starts.last().copied().unwrap_or(0)
    }

    /// How many tokens ask, in all rows.
    fn n_queries(&self) -> usize {
        match self.queries {
            Queries::All => self.tokens(),
            Queries::First => self.row_starts.len().saturating_sub(1),
        }
    }

    /// How many pairs of a row and a head there are: the unit of work.
    fn parts(&self) -> usize {
        self.row_starts.len().saturating_sub(1) * self.n_heads
    }

    /// The pair of number `index`, in `qkv`.
    fn part<'q, E>(&self, qkv: &'q [E], dropout: Option<Dropout>, index: usize) -> Part<'q, E> {
        let (row, head) = (index / self.n_heads, index % self.n_heads);
        let (first, len) = (
            self.row_starts[row],
            self.row_starts[row + 1] - self.row_starts[row],
        );
        let (first_query, n_queries) = match self.queries {
            Queries::All => (first, len),
            Queries::First => (row, len.min(1)),
        };
        Part {
            qkv,
            first,
            len,
            first_query,
            n_queries,
            head,
            n_heads: self.n_heads,
            head_dim: self.head_dim,
            scale: self.scale(),
            dropout,
        }
    }
}

/// `out = softmax(Q Kᵀ / sqrt(head_dim)) V` for every row and head (Vaswani and others, 2017).
///
/// `qkv` is `[tokens, 3 * width]`: queries, keys and values side by side, each `[n_heads, head_dim]`;
/// `out` is `[queries, width]`, of the same number type, with a row for each token that asks.
/// `dropout` acts on the probabilities. `log_sum_exp`, for [`attention_backward`], gets the
/// logarithm of every softmax's denominator: `[queries, n_heads]`.
///
/// Without dropout, a row's result depends on no other row.
///
/// # Panics
///
/// When a slice does not fit the shape.
pub fn attention(
    cpu: &Cpu,
    shape: AttentionShape<'_>,
    qkv: NumbersRef<'_>,
    dropout: Option<Dropout>,
    out: NumbersMut<'_>,
    log_sum_exp: Option<&mut [f32]>,
) {
    let _time = cpu.record(Work::Attention);
    match qkv {
        NumbersRef::F32(qkv) => forward::<f32>(cpu, shape, qkv, dropout, out, log_sum_exp),
        NumbersRef::Bf16(qkv) => forward::<bf16>(cpu, shape, qkv, dropout, out, log_sum_exp),
    }
}

fn forward<E: Element>(
    cpu: &Cpu,
    shape: AttentionShape<'_>,
    qkv: &[E],
    dropout: Option<Dropout>,
    out: NumbersMut<'_>,
    log_sum_exp: Option<&mut [f32]>,
) {
    let out = E::all_of_mut("attention", out);
    let (tokens, width, n_heads) = (shape.tokens(), shape.width(), shape.n_heads);
    let n_queries = shape.n_queries();
    assert_eq!(
        qkv.len(),
        tokens * 3 * width,
        "attention: `qkv` is not [tokens, 3 * width]"
    );
    assert_eq!(
        out.len(),
        n_queries * width,
        "attention: `out` is not [queries, width]"
    );
    let log_sum_exp = log_sum_exp.map(|log_sum_exp| {
        let len = log_sum_exp.len();
        assert_eq!(
            len,
            n_queries * n_heads,
            "attention: `log_sum_exp` is not [queries, n_heads]"
        );
        Grid::new(log_sum_exp, n_heads)
    });
    let dropout = active(dropout);
    let out = Grid::new(out, width);
    cpu.pool().run(shape.parts(), &|index| {
        let part = shape.part(qkv, dropout, index);
        let (rows, head) = (part.queries(), part.head);
        let columns = head * part.head_dim..(head + 1) * part.head_dim;
        // SAFETY: no other task has this row and this head.
        let out = unsafe { out.rectangle(rows.clone(), columns) };
        // SAFETY: as above.
        let log_sum_exp = log_sum_exp
            .as_ref()
            .map(|l| unsafe { l.rectangle(rows, head..head + 1) });
        cpu.isa().run(Forward {
            cpu,
            part,
            out,
            log_sum_exp,
        });
    });
}

/// The gradient of [`attention`] by `qkv`: overwrites `d_qkv`, of the same number type. Tokens that
/// do not ask get a query's gradient of 0.
///
/// The probabilities are worked out again from `log_sum_exp`. With `P` the probabilities, `M` the
/// factors of dropout (1 without) and `D = d_out Vᵀ * M`: `d_v = (P * M)ᵀ d_out`,
/// `S = P * (D - sum over keys of P * D) / sqrt(head_dim)`, `d_q = S K` and `d_k = Sᵀ Q`.
///
/// # Panics
///
/// When a slice does not fit the shape.
pub fn attention_backward(
    cpu: &Cpu,
    shape: AttentionShape<'_>,
    qkv: NumbersRef<'_>,
    log_sum_exp: &[f32],
    d_out: &[f32],
    dropout: Option<Dropout>,
    d_qkv: NumbersMut<'_>,
) {
    let _time = cpu.record(Work::AttentionBackward);
    match qkv {
        NumbersRef::F32(qkv) => {
            backward::<f32>(cpu, shape, qkv, log_sum_exp, d_out, dropout, d_qkv);
        }
        NumbersRef::Bf16(qkv) => {
            backward::<bf16>(cpu, shape, qkv, log_sum_exp, d_out, dropout, d_qkv);
        }
    }
}

fn backward<E: Element>(
    cpu: &Cpu,
    shape: AttentionShape<'_>,
    qkv: &[E],
    log_sum_exp: &[f32],
    d_out: &[f32],
    dropout: Option<Dropout>,
    d_qkv: NumbersMut<'_>,
) {
    let d_qkv = E::all_of_mut("attention", d_qkv);
    let (tokens, width) = (shape.tokens(), shape.width());
    assert_eq!(
        qkv.len(),
        tokens * 3 * width,
        "attention: `qkv` is not [tokens, 3 * width]"
    );
    assert_eq!(
        d_qkv.len(),
        qkv.len(),
        "attention: `d_qkv` is not [tokens, 3 * width]"
    );
    let n_queries = shape.n_queries();
    assert_eq!(
        d_out.len(),
        n_queries * width,
        "attention: `d_out` is not [queries, width]"
    );
    let len = log_sum_exp.len();
    assert_eq!(
        len,
        n_queries * shape.n_heads,
        "attention: `log_sum_exp` is not [queries, n_heads]"
    );
    let dropout = active(dropout);
    let d_qkv = Grid::new(d_qkv, 3 * width);
    cpu.pool().run(shape.parts(), &|index| {
        let part = shape.part(qkv, dropout, index);
        let rows = part.first..part.first + part.len;
        let size = part.len * part.head_dim;
        let mut scratch = cpu.scratch::<f32>(3 * size);
        let (d_q, rest) = scratch.split_at_mut(size);
        let (d_k, d_v) = rest.split_at_mut(size);
        d_q[part.n_queries * part.head_dim..].fill(0.0);
        cpu.isa().run(Backward {
            cpu,
            part,
            log_sum_exp,
            d_out,
            d_q: Rectangle::whole(&mut *d_q, part.head_dim),
            d_k: Rectangle::whole(&mut *d_k, part.head_dim),
            d_v: Rectangle::whole(&mut *d_v, part.head_dim),
        });
        for (which, x) in [d_q, d_k, d_v].into_iter().enumerate() {
            let start = which * width + part.head * part.head_dim;
            // SAFETY: no other task has this row and this head, and the three lie side by side.
            let out = unsafe { d_qkv.rectangle(rows.clone(), start..start + part.head_dim) };
            cpu.isa().run(RoundRows { x, out });
        }
    });
}

/// Writes a matrix in another number type.
struct RoundRows<'a, E> {
    x: &'a [f32],
    out: Rectangle<'a, E>,
}

impl<E: Element> Kernel for RoundRows<'_, E> {
    type Output = ();

    fn scalar(mut self) {
        for (i, x) in self.x.chunks(self.out.columns().max(1)).enumerate() {
            let out = self.out.row(i);
            Round { x, out }.scalar();
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(mut self, lanes: L) {
        for (i, x) in self.x.chunks(self.out.columns().max(1)).enumerate() {
            let out = self.out.row(i);
            Round { x, out }.fast(lanes);
        }
    }
}

/// One row and one head.
#[derive(Clone, Copy)]
struct Part<'a, E> {
    qkv: &'a [E],
    /// The row's first token.
    first: usize,
    /// The row's count of tokens.
    len: usize,
    /// Where the row's first query stands among all queries.
    first_query: usize,
    /// How many of the row's tokens ask, from the first one on.
    n_queries: usize,
    head: usize,
    n_heads: usize,
    head_dim: usize,
    scale: f32,
    dropout: Option<Dropout>,
}

impl<'a, E: Element> Part<'a, E> {
    fn width(&self) -> usize {
        self.n_heads * self.head_dim
    }

    fn query(&self, i: usize) -> &'a [E] {
        self.vector(0, i)
    }

    fn key(&self, i: usize) -> &'a [E] {
        self.vector(1, i)
    }

    fn value(&self, i: usize) -> &'a [E] {
        self.vector(2, i)
    }

    fn vector(&self, which: usize, i: usize) -> &'a [E] {
        let start = (self.first + i) * 3 * self.width() + which * self.width();
        &self.qkv[start + self.head * self.head_dim..][..self.head_dim]
    }

    fn keys(&self) -> Strided<'a, E> {
        self.matrix(1)
    }

    fn values(&self) -> Strided<'a, E> {
        self.matrix(2)
    }

    /// One row a token.
    fn matrix(&self, which: usize) -> Strided<'a, E> {
        let start = (self.first * 3 + which) * self.width() + self.head * self.head_dim;
        let values = self.qkv.get(start..).unwrap_or(&[]);
        Strided {
            values,
            row_step: 3 * self.width(),
            k_step: 1,
        }
    }

    /// Where the row's queries stand among all queries.
    fn queries(&self) -> Range<usize> {
        self.first_query..self.first_query + self.n_queries
    }

    /// The gradients of the outputs, one row a query.
    fn d_outs<'d>(&self, d_out: &'d [f32]) -> Strided<'d> {
        let start = self.first_query * self.width() + self.head * self.head_dim;
        let values = d_out.get(start..).unwrap_or(&[]);
        Strided {
            values,
            row_step: self.width(),
            k_step: 1,
        }
    }

    /// Panels for sums over the columns of `matrix`: one product for each token.
    #[inline(always)]
    fn pack_by_token<'p, L: Lanes>(
        &self,
        lanes: L,
        matrix: Strided<'_, E>,
        out: &'p mut [f32],
    ) -> Panels<'p> {
        let (columns, depth) = (self.len, self.head_dim);
        Pack::<F32, E> {
            source: matrix,
            columns,
            depth,
            out: &mut *out,
        }
        .fast(lanes);
        Panels {
            units: out,
            depth,
            columns,
        }
    }

    /// Panels for sums over the tokens of `matrix`: one product for each column.
    #[inline(always)]
    fn pack_by_column<'p, L: Lanes>(
        &self,
        lanes: L,
        matrix: Strided<'_, E>,
        out: &'p mut [f32],
    ) -> Panels<'p> {
        self.pack_columns(lanes, matrix, self.len, out)
    }

    /// The same for the first `tokens` tokens of `matrix`.
    #[inline(always)]
    fn pack_columns<'p, L: Lanes, S: Element>(
        &self,
        lanes: L,
        matrix: Strided<'_, S>,
        tokens: usize,
        out: &'p mut [f32],
    ) -> Panels<'p> {
        let (columns, depth) = (self.head_dim, tokens);
        Pack::<F32, S> {
            source: matrix.transposed(),
            columns,
            depth,
            out: &mut *out,
        }
        .fast(lanes);
        Panels {
            units: out,
            depth,
            columns,
        }
    }

    /// The queries `rows`, one behind the other, as `f32`.
    #[inline(always)]
    fn copy_queries<L: Lanes>(&self, lanes: L, rows: Range<usize>, out: &mut [f32]) {
        for (i, out) in rows.zip(out.chunks_exact_mut(self.head_dim)) {
            let query = self.query(i).chunks(L::WIDTH);
            for (x, out) in query.zip(out.chunks_mut(L::WIDTH)) {
                lanes.store(E::load(lanes, x), out);
            }
        }
    }

    /// The gradient of query `i`'s output.
    fn d_out<'d>(&self, d_out: &'d [f32], i: usize) -> &'d [f32] {
        let start = (self.first_query + i) * self.width() + self.head * self.head_dim;
        &d_out[start..][..self.head_dim]
    }

    /// Where query `i` stands in `[queries, n_heads]`.
    fn query_index(&self, i: usize) -> usize {
        (self.first_query + i) * self.n_heads + self.head
    }

    /// Which probabilities of query `i` are dropped: the same ones whichever tokens ask.
    fn mask(&self, i: usize) -> Option<Mask> {
        self.dropout.map(|dropout| {
            Mask::new(
                dropout,
                ((self.first + i) * self.n_heads + self.head) as u64,
            )
        })
    }
}

/// [`Multiply`] on this thread. A call, and not a part of the kernel that makes it: compiled once.
fn multiply(cpu: &Cpu, a: Strided<'_>, b: Panels<'_>, begin: Begin, out: Rectangle<'_>) {
    let copy = &mut [];
    cpu.isa().run(Multiply::<F32> {
        a,
        b,
        begin,
        out,
        copy,
    });
}

struct Forward<'a, E> {
    cpu: &'a Cpu,
    part: Part<'a, E>,
    out: Rectangle<'a, E>,
    log_sum_exp: Option<Rectangle<'a>>,
}

impl<E: Element> Kernel for Forward<'_, E> {
    type Output = ();

    fn scalar(mut self) {
        let part = self.part;
        let mut p = self.cpu.scratch(part.len);
        let mut mixed = self.cpu.scratch(part.head_dim);
        for i in 0..part.n_queries {
            let log_sum_exp = probabilities(&part, i, &mut p);
            if let Some(all) = &mut self.log_sum_exp {
                all.row(i)[0] = log_sum_exp;
            }
            if let Some(mask) = part.mask(i) {
                mask.apply(0, &mut p);
            }
            mixed.fill(0.0);
            for (j, &p) in p.iter().enumerate() {
                axpy(p, part.value(j), &mut mixed);
            }
            let out = self.out.row(i);
            Round { x: &mixed, out }.scalar();
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(mut self, lanes: L) {
        let part = self.part;
        let isa = self.cpu.isa();
        let keys_len = isa.panels_len::<F32>(part.len, part.head_dim);
        let values_len = isa.panels_len::<F32>(part.head_dim, part.len);
        let block = QUERIES.min(part.n_queries);
        let block_len = block * part.head_dim;
        let len = keys_len + values_len + block * part.len + 2 * block_len;
        let mut scratch = self.cpu.scratch(len);
        let (keys, rest) = scratch.split_at_mut(keys_len);
        let (values, rest) = rest.split_at_mut(values_len);
        let (queries, rest) = rest.split_at_mut(block_len);
        let (mixed, scores) = rest.split_at_mut(block_len);
        let keys = part.pack_by_token(lanes, part.keys(), keys);
        let values = part.pack_by_column(lanes, part.values(), values);
        for first in (0..part.n_queries).step_by(QUERIES) {
            let rows = first..part.n_queries.min(first + QUERIES);
            let scores = &mut scores[..rows.len() * part.len];
            part.copy_queries(lanes, rows.clone(), queries);
            let a = Strided::rows(&queries[..rows.len() * part.head_dim], part.head_dim);
            let out = Rectangle::whole(&mut *scores, part.len);
            multiply(self.cpu, a, keys, Begin::Zero, out);
            for (i, p) in rows.clone().zip(scores.chunks_mut(part.len)) {
                let log_sum_exp = softmax(lanes, part.scale, p);
                if let Some(all) = &mut self.log_sum_exp {
                    all.row(i)[0] = log_sum_exp;
                }
                if let Some(mask) = part.mask(i) {
                    mask.apply(0, p);
                }
            }
            let mixed = &mut mixed[..rows.len() * part.head_dim];
            let out = Rectangle::whole(&mut *mixed, part.head_dim);
            multiply(
                self.cpu,
                Strided::rows(scores, part.len),
                values,
                Begin::Zero,
                out,
            );
            let (x, out) = (&*mixed, self.out.part(rows));
            RoundRows { x, out }.fast(lanes);
        }
    }
}

/// The softmax of query `i`'s scores; returns the logarithm of its denominator.
fn probabilities<E: Element>(part: &Part<'_, E>, i: usize, p: &mut [f32]) -> f32 {
    for (j, p) in p.iter_mut().enumerate() {
        *p = dot(part.query(i), part.key(j)) * part.scale;
    }
    let largest = p.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    p.iter_mut().for_each(|p| *p = (*p - largest).exp());
    let sum: f32 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= sum);
    largest + sum.ln()
}

/// Turns scores into probabilities; returns the logarithm of the denominator.
#[inline(always)]
fn softmax<L: Lanes>(lanes: L, scale: f32, p: &mut [f32]) -> f32 {
    let mut largest = lanes.splat(f32::NEG_INFINITY);
    let (whole, rest) = p.split_at(p.len() / L::WIDTH * L::WIDTH);
    for p in whole.chunks(L::WIDTH) {
        largest = lanes.max(largest, lanes.load(p));
    }
    let largest = rest.iter().copied().fold(lanes.largest(largest), f32::max);
    let mut sums = lanes.splat(0.0);
    let (whole, rest) = p.split_at_mut(p.len() / L::WIDTH * L::WIDTH);
    for p in whole.chunks_mut(L::WIDTH) {
        let e = exp_below(lanes, largest, scale, p);
        sums = lanes.add(sums, e);
        lanes.store(e, p);
    }
    lanes.store(exp_below(lanes, largest, scale, rest), rest);
    let sum = lanes.sum(sums) + rest.iter().sum::<f32>();
    let inverse = lanes.splat(1.0 / sum);
    for p in p.chunks_mut(L::WIDTH) {
        lanes.store(lanes.mul(lanes.load(p), inverse), p);
    }
    largest * scale + sum.ln()
}

/// `e^(scale * (p - largest))`.
#[inline(always)]
fn exp_below<L: Lanes>(lanes: L, largest: f32, scale: f32, p: &[f32]) -> L::Vector {
    let distance = lanes.sub(lanes.load(p), lanes.splat(largest));
    exp(lanes, lanes.mul(distance, lanes.splat(scale)))
}

struct Backward<'a, E> {
    cpu: &'a Cpu,
    part: Part<'a, E>,
    log_sum_exp: &'a [f32],
    d_out: &'a [f32],
    d_q: Rectangle<'a>,
    d_k: Rectangle<'a>,
    d_v: Rectangle<'a>,
}

impl<E: Element> Kernel for Backward<'_, E> {
    type Output = ();

    fn scalar(mut self) {
        let part = self.part;
        for i in 0..part.len {
            self.d_q.row(i).fill(0.0);
            self.d_k.row(i).fill(0.0);
            self.d_v.row(i).fill(0.0);
        }
        let mut scratch = self.cpu.scratch(2 * part.len);
        let (p, d) = scratch.split_at_mut(part.len);
        for i in 0..part.n_queries {
            let d_out = part.d_out(self.d_out, i);
            let log_sum_exp = self.log_sum_exp[part.query_index(i)];
            let mask = part.mask(i);
            let mut sum = 0.0;
            for j in 0..part.len {
                let factor = mask.map_or(1.0, |mask| mask.factor(j as u32));
                p[j] = (dot(part.query(i), part.key(j)) * part.scale - log_sum_exp).exp();
                d[j] = dot(d_out, part.value(j)) * factor;
                sum += p[j] * d[j];
                axpy(p[j] * factor, d_out, self.d_v.row(j));
            }
            for j in 0..part.len {
                let s = p[j] * (d[j] - sum) * part.scale;
                axpy(s, part.key(j), self.d_q.row(i));
                axpy(s, part.query(i), self.d_k.row(j));
            }
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(mut self, lanes: L) {
        let part = self.part;
        let isa = self.cpu.isa();
        let by_token_len = isa.panels_len::<F32>(part.len, part.head_dim);
        let by_column_len = isa.panels_len::<F32>(part.head_dim, part.len);
        let mut scratch = self.cpu.scratch(2 * by_token_len + by_column_len);
        let (keys, rest) = scratch.split_at_mut(by_token_len);
        let (values, keys_by_column) = rest.split_at_mut(by_token_len);
        let panels = BackwardPanels {
            keys: part.pack_by_token(lanes, part.keys(), keys),
            values: part.pack_by_token(lanes, part.values(), values),
            keys_by_column: part.pack_by_column(lanes, part.keys(), keys_by_column),
        };
        for first in (0..part.n_queries).step_by(QUERIES) {
            let rows = first..part.n_queries.min(first + QUERIES);
            self.block(lanes, &panels, rows);
        }
    }
}

/// What every block of queries is multiplied with.
struct BackwardPanels<'a> {
    keys: Panels<'a>,
    values: Panels<'a>,
    keys_by_column: Panels<'a>,
}

impl<E: Element> Backward<'_, E> {
    /// What the queries `rows` add to the gradients.
    #[inline(always)]
    fn block<L: Lanes>(&mut self, lanes: L, panels: &BackwardPanels<'_>, rows: Range<usize>) {
        let part = self.part;
        let (n, len) = (rows.len(), part.len);
        let by_column_len = self.cpu.isa().panels_len::<F32>(part.head_dim, n);
        let copy_len = n * part.head_dim;
        let mut scratch = self.cpu.scratch(2 * n * len + 2 * by_column_len + copy_len);
        // The panels first, so that they start at cache lines.
        let (queries, rest) = scratch.split_at_mut(by_column_len);
        let (d_outs, rest) = rest.split_at_mut(by_column_len);
        let (copy, rest) = rest.split_at_mut(copy_len);
        let (p, d) = rest.split_at_mut(n * len);

        part.copy_queries(lanes, rows.clone(), copy);
        let query = Strided::rows(&*copy, part.head_dim);
        let d_out = part.d_outs(self.d_out).at_row(rows.start);
        let queries = part.pack_columns(lanes, query, n, queries);
        let d_outs = part.pack_columns(lanes, d_out, n, d_outs);
        multiply(
            self.cpu,
            query,
            panels.keys,
            Begin::Zero,
            Rectangle::whole(p, len),
        );
        multiply(
            self.cpu,
            d_out,
            panels.values,
            Begin::Zero,
            Rectangle::whole(d, len),
        );
        for (i, (p, d)) in rows.clone().zip(p.chunks_mut(len).zip(d.chunks_mut(len))) {
            let log_sum_exp = self.log_sum_exp[part.query_index(i)];
            score_gradients(lanes, part.scale, log_sum_exp, part.mask(i), p, d);
        }

        let begin = if rows.start == 0 {
            Begin::Zero
        } else {
            Begin::Out
        };
        let (p, s) = (Strided::columns(p, len), Strided::columns(d, len));
        multiply(self.cpu, p, d_outs, begin, self.d_v.reborrow());
        multiply(self.cpu, s, queries, begin, self.d_k.reborrow());
        let (s, d_q) = (Strided::rows(d, len), self.d_q.part(rows));
        multiply(self.cpu, s, panels.keys_by_column, Begin::Zero, d_q);
    }
}

/// For one query: turns the scores in `p` into probabilities after dropout, and the gradient of
/// these in `d` into the gradient of the product of query and keys.
#[inline(always)]
fn score_gradients<L: Lanes>(
    lanes: L,
    scale: f32,
    log_sum_exp: f32,
    mask: Option<Mask>,
    p: &mut [f32],
    d: &mut [f32],
) {
    if let Some(mask) = mask {
        mask.apply(0, d);
    }
    let (scale, shift) = (lanes.splat(scale), lanes.splat(-log_sum_exp));
    let mut sums = lanes.splat(0.0);
    for (p, d) in p.chunks_mut(L::WIDTH).zip(d.chunks(L::WIDTH)) {
        let e = exp(lanes, lanes.mul_add(lanes.load(p), scale, shift));
        // `d` has 0 in the lanes beyond the keys.
        sums = lanes.mul_add(e, lanes.load(d), sums);
        lanes.store(e, p);
    }
    let sum = lanes.splat(lanes.sum(sums));
    for (p, d) in p.chunks(L::WIDTH).zip(d.chunks_mut(L::WIDTH)) {
        let centred = lanes.sub(lanes.load(d), sum);
        lanes.store(lanes.mul(lanes.mul(lanes.load(p), centred), scale), d);
    }
    if let Some(mask) = mask {
        mask.apply(0, p);
    }
}

fn dot<X: Element, Y: Element>(x: &[X], y: &[Y]) -> f32 {
    x.iter().zip(y).map(|(x, y)| x.to_f32() * y.to_f32()).sum()
}

fn axpy<E: Element>(scale: f32, x: &[E], out: &mut [f32]) {
    for (x, out) in x.iter().zip(out) {
        *out += scale * x.to_f32();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::random::normal;

    fn values(key: u64, len: usize) -> Vec<f32> {
        (0..len as u64).map(|i| normal(key, i) as f32).collect()
    }

    /// Rows of these lengths.
    fn starts(lengths: &[usize]) -> Vec<usize> {
        let ends = lengths.iter().scan(0, |end, len| {
            *end += len;
            Some(*end)
        });
        std::iter::once(0).chain(ends).collect()
    }

    /// The definition in `f64`.
    fn reference(
        shape: AttentionShape<'_>,
        qkv: &[f64],
        dropout: Option<Dropout>,
    ) -> (Vec<f64>, Vec<f64>) {
        let (heads, dim) = (shape.n_heads, shape.head_dim);
        let at = |which: usize, token: usize, head: usize| {
            &qkv[(token * 3 + which) * heads * dim + head * dim..][..dim]
        };
        let (mut out, mut log_sum_exp) = (Vec::new(), Vec::new());
        for row in shape.row_starts.windows(2) {
            for (i, head) in (row[0]..row[1]).flat_map(|i| (0..heads).map(move |h| (i, h))) {
                let score = |j| {
                    let products = at(0, i, head)
                        .iter()
                        .zip(at(1, j, head))
                        .map(|(q, k)| q * k);
                    products.sum::<f64>() / (dim as f64).sqrt()
                };
                let sum: f64 = (row[0]..row[1]).map(|j| score(j).exp()).sum();
                log_sum_exp.push(sum.ln());
                let mask = dropout.map(|d| Mask::new(d, (i * heads + head) as u64));
                let mut mixed = vec![0.0; dim];
                for j in row[0]..row[1] {
                    let factor = mask.map_or(1.0, |m| m.factor((j - row[0]) as u32));
                    let p = score(j).exp() / sum * f64::from(factor);
                    mixed
                        .iter_mut()
                        .zip(at(2, j, head))
                        .for_each(|(m, v)| *m += p * v);
                }
                out.extend(mixed);
            }
        }
        (out, log_sum_exp)
    }

    const LENGTHS: [&[usize]; 6] = [
        &[],
        &[0],
        &[1],
        &[2, 0, 7],
        &[1, 16, 17, 31, 33],
        &[47, 48, 49, 100],
    ];

    const DROPOUTS: [Option<Dropout>; 2] = [None, Some(Dropout { share: 0.3, key: 5 })];

    #[test]
    fn every_instruction_set_agrees_with_the_definition() {
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 2);
            for lengths in LENGTHS {
                let row_starts = starts(lengths);
                for (n_heads, head_dim) in [(1, 1), (2, 5), (3, 16), (2, 33), (1, 64)] {
                    let shape = AttentionShape {
                        row_starts: &row_starts,
                        n_heads,
                        head_dim,
                        queries: Queries::All,
                    };
                    for dropout in DROPOUTS {
                        check_forward(&cpu, shape, dropout);
                    }
                }
            }
        }
    }

    fn check_forward(cpu: &Cpu, shape: AttentionShape<'_>, dropout: Option<Dropout>) {
        let (tokens, width) = (shape.tokens(), shape.width());
        let qkv = values(1, tokens * 3 * width);
        let mut out = vec![f32::NAN; tokens * width];
        let mut log_sum_exp = vec![f32::NAN; tokens * shape.n_heads];
        run_forward(cpu, shape, &qkv, dropout, &mut out, Some(&mut log_sum_exp));
        let wide: Vec<f64> = qkv.iter().copied().map(f64::from).collect();
        let expected = reference(shape, &wide, dropout);
        for (actual, expected) in [(&out, expected.0), (&log_sum_exp, expected.1)] {
            for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
                let close = (f64::from(*a) - e).abs() < 5e-6;
                assert!(close, "{}, {shape:?}, at {i}: {a} vs {e}", cpu.isa());
            }
        }
    }

    #[test]
    fn large_scores_stay_finite() {
        for isa in Isa::supported() {
            let shape = AttentionShape {
                row_starts: &[0, 3],
                n_heads: 1,
                head_dim: 1,
                queries: Queries::All,
            };
            // Scores of up to 1e6, whose exponentials are infinite.
            let qkv = [1e3, 1e3, 1.0, 1e3, -1e3, 2.0, -1e3, 0.0, 3.0];
            let mut out = [0.0; 3];
            run_forward(&Cpu::new(isa, 1), shape, &qkv, None, &mut out, None);
            assert_eq!(out, [1.0, 1.0, 2.0], "{isa}");
        }
    }

    #[test]
    fn a_row_has_the_same_bits_alone_in_any_batch_and_at_any_thread_count() {
        let lengths = [5, 49, 1, 33, 64, 20];
        let row_starts = starts(&lengths);
        let (n_heads, head_dim) = (3, 20);
        let width = n_heads * head_dim;
        let shape = AttentionShape {
            row_starts: &row_starts,
            n_heads,
            head_dim,
            queries: Queries::All,
        };
        let qkv = values(1, shape.tokens() * 3 * width);
        for isa in Isa::supported() {
            for threads in [1, 3] {
                let cpu = Cpu::new(isa, threads);
                let mut out = vec![0.0; shape.tokens() * width];
                run_forward(&cpu, shape, &qkv, None, &mut out, None);
                for row in row_starts.windows(2) {
                    let alone = AttentionShape {
                        row_starts: &[0, row[1] - row[0]],
                        ..shape
                    };
                    let qkv = &qkv[row[0] * 3 * width..row[1] * 3 * width];
                    let mut expected = vec![0.0; (row[1] - row[0]) * width];
                    run_forward(&Cpu::new(isa, 1), alone, qkv, None, &mut expected, None);
                    assert_eq!(
                        out[row[0] * width..row[1] * width],
                        expected,
                        "{isa}, {row:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 2);
            for (lengths, n_heads, head_dim) in
                [(&[1, 3, 0, 2][..], 2, 3), (&[17], 1, 5), (&[2, 5], 1, 17)]
            {
                let row_starts = starts(lengths);
                let shape = AttentionShape {
                    row_starts: &row_starts,
                    n_heads,
                    head_dim,
                    queries: Queries::All,
                };
                for dropout in DROPOUTS {
                    check_gradient(&cpu, shape, dropout);
                }
            }
        }
    }

    fn check_gradient(cpu: &Cpu, shape: AttentionShape<'_>, dropout: Option<Dropout>) {
        const STEP: f64 = 1e-5;
        let (tokens, width) = (shape.tokens(), shape.width());
        let (qkv, d_out) = (values(1, tokens * 3 * width), values(2, tokens * width));
        let d_qkv = gradient(cpu, shape, &qkv, &d_out, dropout);
        let mut wide: Vec<f64> = qkv.iter().copied().map(f64::from).collect();
        let loss = |qkv: &[f64]| -> f64 {
            let (out, _) = reference(shape, qkv, dropout);
            out.iter().zip(&d_out).map(|(o, d)| o * f64::from(*d)).sum()
        };
        for (i, d) in d_qkv.iter().enumerate() {
            let middle = wide[i];
            wide[i] = middle + STEP;
            let above = loss(&wide);
            wide[i] = middle - STEP;
            let slope = (above - loss(&wide)) / (2.0 * STEP);
            wide[i] = middle;
            let close = (f64::from(*d) - slope).abs() < 2e-5;
            assert!(
                close,
                "{}, {shape:?}, {dropout:?}, at {i}: {d} vs {slope}",
                cpu.isa()
            );
        }
    }

    fn gradient(
        cpu: &Cpu,
        shape: AttentionShape<'_>,
        qkv: &[f32],
        d_out: &[f32],
        dropout: Option<Dropout>,
    ) -> Vec<f32> {
        let mut out = vec![0.0; d_out.len()];
        let mut log_sum_exp = vec![0.0; shape.tokens() * shape.n_heads];
        run_forward(cpu, shape, qkv, dropout, &mut out, Some(&mut log_sum_exp));
        let mut d_qkv = vec![f32::NAN; qkv.len()];
        let (x, d_x) = (NumbersRef::F32(qkv), NumbersMut::F32(&mut d_qkv));
        attention_backward(cpu, shape, x, &log_sum_exp, d_out, dropout, d_x);
        d_qkv
    }

    fn run_forward(
        cpu: &Cpu,
        shape: AttentionShape<'_>,
        qkv: &[f32],
        dropout: Option<Dropout>,
        out: &mut [f32],
        log_sum_exp: Option<&mut [f32]>,
    ) {
        let (x, out) = (NumbersRef::F32(qkv), NumbersMut::F32(out));
        attention(cpu, shape, x, dropout, out, log_sum_exp);
    }

    /// In bf16 the same sums, of rounded numbers, rounded once more at the end.
    #[test]
    fn bf16_is_f32_rounded_before_and_after() {
        let row_starts = starts(&[1, 20, 49]);
        let shape = AttentionShape {
            row_starts: &row_starts,
            n_heads: 2,
            head_dim: 17,
            queries: Queries::All,
        };
        let (tokens, width) = (shape.tokens(), shape.width());
        let (qkv, d_out) = (values(1, tokens * 3 * width), values(2, tokens * width));
        let halves: Vec<bf16> = qkv.iter().map(|&x| bf16::from_f32(x)).collect();
        let rounded: Vec<f32> = halves.iter().map(|x| x.to_f32()).collect();
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 2);
            for dropout in DROPOUTS {
                let mut wide = (vec![0.0; tokens * width], vec![0.0; tokens * 2]);
                run_forward(
                    &cpu,
                    shape,
                    &rounded,
                    dropout,
                    &mut wide.0,
                    Some(&mut wide.1),
                );
                let mut narrow = (vec![bf16::ZERO; tokens * width], vec![0.0; tokens * 2]);
                let (x, out) = (NumbersRef::Bf16(&halves), NumbersMut::Bf16(&mut narrow.0));
                attention(&cpu, shape, x, dropout, out, Some(&mut narrow.1));
                assert_eq!(narrow.1, wide.1, "{isa}");
                for (a, e) in narrow.0.iter().zip(&wide.0) {
                    assert_eq!(*a, bf16::from_f32(*e), "{isa}, {dropout:?}");
                }

                let expected = gradient(&cpu, shape, &rounded, &d_out, dropout);
                let mut d_qkv = vec![bf16::ZERO; halves.len()];
                let d_x = NumbersMut::Bf16(&mut d_qkv);
                attention_backward(&cpu, shape, x, &wide.1, &d_out, dropout, d_x);
                for (a, e) in d_qkv.iter().zip(&expected) {
                    assert_eq!(*a, bf16::from_f32(*e), "{isa}, {dropout:?}");
                }
            }
        }
    }

    /// Longer rows than finite differences can afford: more than one block of queries.
    #[test]
    fn gradients_of_every_instruction_set_agree_with_scalar() {
        let row_starts = starts(&[100, 48, 49, 33]);
        let shape = AttentionShape {
            row_starts: &row_starts,
            n_heads: 2,
            head_dim: 24,
            queries: Queries::All,
        };
        let (tokens, width) = (shape.tokens(), shape.width());
        let (qkv, d_out) = (values(1, tokens * 3 * width), values(2, tokens * width));
        for dropout in DROPOUTS {
            let scalar = Cpu::new(Isa::supported()[0], 1);
            let expected = gradient(&scalar, shape, &qkv, &d_out, dropout);
            for isa in Isa::supported() {
                let actual = gradient(&Cpu::new(isa, 3), shape, &qkv, &d_out, dropout);
                for (i, (a, e)) in actual.iter().zip(&expected).enumerate() {
                    assert!((a - e).abs() < 1e-5, "{isa}, at {i}: {a} vs {e}");
                }
            }
        }
    }

    #[test]
    fn first_tokens_alone_get_what_they_get_among_all() {
        let row_starts = starts(&[1, 20, 0, 49, 100]);
        let (n_heads, head_dim) = (2, 17);
        let all = AttentionShape {
            row_starts: &row_starts,
            n_heads,
            head_dim,
            queries: Queries::All,
        };
        // A row without tokens has no query, and its place is left alone.
        let first = AttentionShape {
            queries: Queries::First,
            ..all
        };
        let (tokens, width, rows) = (all.tokens(), all.width(), row_starts.len() - 1);
        let (qkv, d_first) = (values(1, tokens * 3 * width), values(2, rows * width));
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 2);
            for dropout in DROPOUTS {
                let (mut out, mut lse) = (vec![0.0; tokens * width], vec![0.0; tokens * n_heads]);
                run_forward(&cpu, all, &qkv, dropout, &mut out, Some(&mut lse));
                let mut out_first = vec![0.0; rows * width];
                let mut lse_first = vec![0.0; rows * n_heads];
                run_forward(
                    &cpu,
                    first,
                    &qkv,
                    dropout,
                    &mut out_first,
                    Some(&mut lse_first),
                );
                let mut d_out = vec![0.0; tokens * width];
                for (row, ends) in row_starts.windows(2).enumerate() {
                    if ends[0] == ends[1] {
                        continue;
                    }
                    let (narrow, wide) = (row * width..(row + 1) * width, ends[0] * width);
                    let expected = &out[wide..wide + width];
                    assert_eq!(&out_first[narrow.clone()], expected, "{isa}, row {row}");
                    d_out[wide..wide + width].copy_from_slice(&d_first[narrow]);
                }
                let (mut d_all, mut d_qkv) = (vec![0.0; qkv.len()], vec![0.0; qkv.len()]);
                run_backward(&cpu, all, &qkv, &lse, &d_out, dropout, &mut d_all);
                run_backward(&cpu, first, &qkv, &lse_first, &d_first, dropout, &mut d_qkv);
                for (i, (a, e)) in d_qkv.iter().zip(&d_all).enumerate() {
                    assert!((a - e).abs() < 1e-6, "{isa}, at {i}: {a}, {e}");
                }
            }
        }
    }

    fn run_backward(
        cpu: &Cpu,
        shape: AttentionShape<'_>,
        qkv: &[f32],
        log_sum_exp: &[f32],
        d_out: &[f32],
        dropout: Option<Dropout>,
        d_qkv: &mut [f32],
    ) {
        let (x, d_x) = (NumbersRef::F32(qkv), NumbersMut::F32(d_qkv));
        attention_backward(cpu, shape, x, log_sum_exp, d_out, dropout, d_x);
    }
}
