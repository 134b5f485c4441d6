//! Where the time goes: operations say what kind of work they are, and their time is added up.
//!
//! Off unless somebody asks with [`Cpu::breakdown`]; an operation then costs one look at a flag.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Cpu;

/// A kind of work. What is fused with a product (bias, activation, dropout, residual) counts
/// with the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// Products of linear layers on the way up.
    Linear,
    /// The gradients by their inputs.
    LinearDInput,
    /// The gradients by their weights and biases.
    LinearDWeights,
    /// Laying out weights and operands for products.
    Packing,
    /// Attention on the way up.
    Attention,
    /// Attention on the way down.
    AttentionBackward,
    /// LayerNorms, both ways.
    LayerNorm,
    /// Activations that are not fused with a product, both ways.
    Activation,
    /// Looking up rows of tables, and adding to their gradients.
    Embedding,
    /// Dropout that is not fused with a product, both ways.
    Dropout,
    /// What the head does beside its products.
    Head,
    /// From logits to loss and gradient.
    Loss,
    /// Moving the parameters.
    Optimizer,
    /// The gradients' norm, and setting them to 0.
    Gradients,
    /// Copies, sums, and changes of the number type.
    Copying,
}

impl Work {
    /// Every kind, in the order of a reader's interest.
    pub const ALL: [Work; 15] = [
        Work::Linear,
        Work::LinearDInput,
        Work::LinearDWeights,
        Work::Packing,
        Work::Attention,
        Work::AttentionBackward,
        Work::LayerNorm,
        Work::Activation,
        Work::Embedding,
        Work::Dropout,
        Work::Head,
        Work::Loss,
        Work::Optimizer,
        Work::Gradients,
        Work::Copying,
    ];

    /// The name as reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Work::Linear => "products, forward",
            Work::LinearDInput => "products, d_input",
            Work::LinearDWeights => "products, d_weights",
            Work::Packing => "packing",
            Work::Attention => "attention, forward",
            Work::AttentionBackward => "attention, backward",
            Work::LayerNorm => "layer norm",
            Work::Activation => "activation",
            Work::Embedding => "embedding",
            Work::Dropout => "dropout",
            Work::Head => "head",
            Work::Loss => "loss",
            Work::Optimizer => "optimizer",
            Work::Gradients => "gradient norm, zeroing",
            Work::Copying => "copies, rounding",
        }
    }

    /// Whether it is a product of a linear layer.
    pub fn is_product(self) -> bool {
        matches!(
            self,
            Work::Linear | Work::LinearDInput | Work::LinearDWeights
        )
    }
}

/// How long something took, and how much of it each kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breakdown {
    whole: Duration,
    parts: [Duration; Work::ALL.len()],
}

impl Breakdown {
    /// From beginning to end.
    pub fn whole(&self) -> Duration {
        self.whole
    }

    /// The time of `work` alone, without that of other operations inside it.
    pub fn part(&self, work: Work) -> Duration {
        self.parts[work as usize]
    }

    /// The time that no operation calls its own.
    pub fn rest(&self) -> Duration {
        self.whole.saturating_sub(self.parts.iter().sum())
    }
}

/// The times of one [`Cpu`].
#[derive(Default)]
pub(crate) struct Recorder {
    is_on: AtomicBool,
    nanoseconds: [AtomicU64; Work::ALL.len()],
}

thread_local! {
    /// Nanoseconds of the recordings that ended inside the one that is open on this thread.
    static INSIDE: Cell<u64> = const { Cell::new(0) };
}

/// Until it is dropped, the calling thread's time counts towards one kind of work.
#[must_use = "what is dropped at once records nothing"]
pub struct Recording<'a>(Option<Open<'a>>);

struct Open<'a> {
    total: &'a AtomicU64,
    start: Instant,
    /// [`INSIDE`] of the recording round this one.
    outside: u64,
}

impl Cpu {
    /// Runs `run` and says where its time went.
    ///
    /// Times are those of the threads that call operations, not of the pool's: what a caller waits for.
    /// Other callers of the same `Cpu` count too.
    pub fn breakdown<T>(&self, run: impl FnOnce() -> T) -> (T, Breakdown) {
        let recorder = self.recorder();
        for total in &recorder.nanoseconds {
            total.store(0, Ordering::Relaxed);
        }
        recorder.is_on.store(true, Ordering::Relaxed);
        let start = Instant::now();
        let result = run();
        let whole = start.elapsed();
        recorder.is_on.store(false, Ordering::Relaxed);
        let total = |work: Work| recorder.nanoseconds[work as usize].load(Ordering::Relaxed);
        let parts = Work::ALL.map(|work| Duration::from_nanos(total(work)));
        (result, Breakdown { whole, parts })
    }

    /// Counts the time until the recording is dropped towards `work`, where somebody wants to know.
    /// What is recorded inside it counts there and not here.
    pub fn record(&self, work: Work) -> Recording<'_> {
        let recorder = self.recorder();
        if !recorder.is_on.load(Ordering::Relaxed) {
            return Recording(None);
        }
        Recording(Some(Open {
            total: &recorder.nanoseconds[work as usize],
            outside: INSIDE.replace(0),
            start: Instant::now(),
        }))
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        let Some(open) = &self.0 else { return };
        let took = open.start.elapsed().as_nanos() as u64;
        let own = took.saturating_sub(INSIDE.get());
        open.total.fetch_add(own, Ordering::Relaxed);
        INSIDE.set(open.outside + took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    fn cpu() -> Cpu {
        Cpu::new(Isa::supported()[0], 1)
    }

    fn wait(milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(milliseconds));
    }

    #[test]
    fn every_kind_has_its_place_and_its_name() {
        let mut names = Work::ALL.map(Work::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        for (index, work) in Work::ALL.into_iter().enumerate() {
            assert_eq!(work as usize, index, "{work:?}");
        }
    }

    #[test]
    fn nothing_is_recorded_unless_asked_for() {
        let cpu = cpu();
        let recording = cpu.record(Work::Head);
        assert!(recording.0.is_none());
        // Opened before: not part of it.
        let ((), breakdown) = cpu.breakdown(|| drop(recording));
        assert_eq!(breakdown.rest(), breakdown.whole());
        drop(cpu.record(Work::Head));
        let ((), breakdown) = cpu.breakdown(|| {});
        assert_eq!(breakdown.part(Work::Head), Duration::ZERO);
    }

    #[test]
    fn operations_count_with_their_kind_and_the_rest_is_what_is_left() {
        let cpu = cpu();
        let (answer, breakdown) = cpu.breakdown(|| {
            for _ in 0..2 {
                let _time = cpu.record(Work::Attention);
                wait(2);
            }
            wait(2);
            42
        });
        assert_eq!(answer, 42);
        let attention = breakdown.part(Work::Attention);
        assert!(attention >= Duration::from_millis(4), "{breakdown:?}");
        assert!(breakdown.rest() >= Duration::from_millis(2));
        assert_eq!(attention + breakdown.rest(), breakdown.whole());
    }

    #[test]
    fn an_operation_inside_another_is_not_counted_twice() {
        let cpu = cpu();
        let ((), breakdown) = cpu.breakdown(|| {
            let _outer = cpu.record(Work::Optimizer);
            wait(2);
            for _ in 0..2 {
                let _inner = cpu.record(Work::Packing);
                let _innermost = cpu.record(Work::Copying);
                wait(2);
            }
        });
        let [outer, inner, innermost] =
            [Work::Optimizer, Work::Packing, Work::Copying].map(|work| breakdown.part(work));
        assert!(outer >= Duration::from_millis(2), "{breakdown:?}");
        assert!(innermost >= Duration::from_millis(4), "{breakdown:?}");
        // Each moment is one kind's: more than the whole would be a moment counted twice.
        assert!(
            outer + inner + innermost <= breakdown.whole(),
            "{breakdown:?}"
        );
        assert_eq!(
            outer + inner + innermost + breakdown.rest(),
            breakdown.whole()
        );
    }

    #[test]
    fn the_kernels_say_what_they_are() {
        use crate::{Finish, NumbersRef, PackedWeights, Precision, linear, linear_d_input};
        let cpu = cpu();
        let (x, w) = (vec![0.5; 64 * 64], vec![0.25; 64 * 64]);
        let ((), breakdown) = cpu.breakdown(|| {
            let packed = PackedWeights::pack(&cpu, Precision::F32, true, &w, 64, 64);
            let mut out = vec![0.0; 64 * 64];
            let x = NumbersRef::F32(&x);
            linear(&cpu, x, &packed, None, Finish::store_f32(&mut out));
            linear_d_input(&cpu, x, &packed, &w, Finish::store_f32(&mut out));
        });
        for work in [Work::Linear, Work::LinearDInput, Work::Packing] {
            assert!(breakdown.part(work) > Duration::ZERO, "{work:?}");
        }
        assert_eq!(breakdown.part(Work::Attention), Duration::ZERO);
    }
}
