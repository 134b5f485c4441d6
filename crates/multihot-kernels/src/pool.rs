//! Threads that share out tasks.

use std::any::Any;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};

use crate::grid::Chunks;

/// How often a thread looks again before it sleeps: some 10 to 20 microseconds, about the
/// time between two operations of one layer.
const SPINS: usize = 500;

/// A fixed number of threads that work on one set of tasks at a time.
///
/// Tasks are claimed one by one from a counter, so that a thread which loses its core for a
/// while holds up one task and not a fixed share of them. The threads end when the pool is dropped.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held by the caller whose tasks the threads work on.
    turn: Mutex<()>,
}

struct Shared {
    state: Mutex<State>,
    /// Counts the sets of tasks, so that an idle thread can watch for one without the lock.
    generation: AtomicU64,
    /// The threads inside the current set, written under the lock.
    inside: AtomicUsize,
    wake: Condvar,
    left: Condvar,
}

struct State {
    work: Option<WorkPointer>,
    ending: bool,
}

/// One set of tasks, on the stack of the caller of [`Pool::run`].
struct Work<'a> {
    task: &'a (dyn Fn(usize) + Sync),
    tasks: usize,
    next: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

#[derive(Clone, Copy)]
struct WorkPointer(*const Work<'static>);

// SAFETY: `Work` is shared by reference only, and all of it is `Sync`.
unsafe impl Send for WorkPointer {}

impl Pool {
    /// Starts `threads - 1` threads; the caller of [`Pool::run`] is the last one. 0 counts as 1.
    /// Where the system starts fewer, the pool has as many as it got: results are the same.
    pub fn new(threads: usize) -> Pool {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                work: None,
                ending: false,
            }),
            generation: AtomicU64::new(0),
            inside: AtomicUsize::new(0),
            wake: Condvar::new(),
            left: Condvar::new(),
        });
        let workers = (1..threads)
            .map_while(|number| {
                let shared = Arc::clone(&shared);
                let name = format!("multihot-{number}");
                let thread = thread::Builder::new().name(name);
                thread.spawn(move || shared.serve()).ok()
            })
            .collect();
        Pool {
            shared,
            workers,
            turn: Mutex::new(()),
        }
    }

    /// How many threads work on a set of tasks, the caller's included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs `task(0)` to `task(tasks - 1)`, each once, in any order, and returns when all are done.
    ///
    /// While the threads are busy with another set (of another caller, or the one that
    /// this call is nested in), the tasks run one after the other on the caller's thread.
    ///
    /// # Panics
    ///
    /// When a task panics: with the payload of the first, tasks not yet begun left out.
    pub fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let turn = match self.turn.try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(turn)) => Some(turn.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        if tasks <= 1 || self.workers.is_empty() || turn.is_none() {
            drop(turn);
            (0..tasks).for_each(task);
            return;
        }
        let work = Work {
            task,
            tasks,
            next: AtomicUsize::new(0),
            panic: Mutex::new(None),
        };
        self.shared.publish(&work);
        work.claim_all();
        self.shared.retract();
        drop(turn);
        if let Some(payload) = lock(&work.panic).take() {
            resume_unwind(payload);
        }
    }

    /// Cuts `out` into chunks of `chunk_len` values (the last may be shorter) and runs
    /// `task(index, chunk)` for each.
    ///
    /// # Panics
    ///
    /// When `chunk_len` is 0, or when a task panics.
    pub fn for_each_chunk<T: Send>(
        &self,
        out: &mut [T],
        chunk_len: usize,
        task: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let chunks = Chunks::new(out, chunk_len);
        self.run(chunks.count(), &|index| {
            // SAFETY: `run` hands out every index once.
            task(index, unsafe { chunks.chunk(index) });
        });
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.ending = true;
        self.shared.generation.fetch_add(1, Ordering::Release);
        drop(state);
        self.shared.wake.notify_all();
        for worker in self.workers.drain(..) {
            worker
                .join()
                .expect("a worker catches the panics of its tasks");
        }
    }
}

impl Work<'_> {
    /// Works until every task is claimed.
    fn claim_all(&self) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.tasks {
                return;
            }
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| (self.task)(index))) {
                // Far below `usize::MAX`, so that the claims still to come cannot wrap it round.
                self.next.store(self.tasks, Ordering::Relaxed);
                lock(&self.panic).get_or_insert(payload);
            }
        }
    }
}

impl Shared {
    /// Shows `work` to the threads. The caller must [`retract`](Shared::retract) before it ends.
    fn publish(&self, work: &Work<'_>) {
        let pointer = std::ptr::from_ref(work).cast::<Work<'static>>();
        let mut state = lock(&self.state);
        state.work = Some(WorkPointer(pointer));
        // Under the lock, so that the notice cannot fall between a look and a wait.
        self.generation.fetch_add(1, Ordering::Release);
        drop(state);
        self.wake.notify_all();
    }

    /// Hides the work again and waits until no thread is inside it.
    fn retract(&self) {
        let mut state = lock(&self.state);
        state.work = None;
        drop(state);
        // Nobody enters from here on, so this count only falls.
        for _ in 0..SPINS {
            if self.inside.load(Ordering::Acquire) == 0 {
                return;
            }
            spin_loop();
        }
        let mut state = lock(&self.state);
        while self.inside.load(Ordering::Acquire) > 0 {
            state = self
                .left
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The life of a worker.
    fn serve(&self) {
        let mut seen = 0;
        while let Some(work) = self.enter(&mut seen) {
            if let Some(work) = work {
                // SAFETY: the work lives until `retract` returns, which waits for this
                // thread to leave; `enter` counted it in under the lock, with the work still shown.
                unsafe { &*work.0 }.claim_all();
                self.leave();
            }
        }
    }

    /// Waits for a generation after `seen`. `None` ends the thread, `Some(None)` came too late.
    fn enter(&self, seen: &mut u64) -> Option<Option<WorkPointer>> {
        for _ in 0..SPINS {
            if self.generation.load(Ordering::Acquire) != *seen {
                break;
            }
            spin_loop();
        }
        let mut state = lock(&self.state);
        while self.generation.load(Ordering::Acquire) == *seen && !state.ending {
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.ending {
            return None;
        }
        *seen = self.generation.load(Ordering::Acquire);
        if state.work.is_some() {
            self.inside.fetch_add(1, Ordering::AcqRel);
        }
        Some(state.work)
    }

    fn leave(&self) {
        // Under the lock for the same reason as in `publish`.
        let _state = lock(&self.state);
        if self.inside.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.left.notify_all();
        }
    }
}

/// Every value behind these locks is whole at any moment, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_task_is_fine() {
        Pool::new(3).run(0, &|_| unreachable!("there is no task"));
    }

    #[test]
    fn every_task_runs_once() {
        for threads in [0, 1, 2, 5] {
            let pool = Pool::new(threads);
            assert_eq!(pool.threads(), threads.max(1));
            for tasks in [1, 2, 3, 100] {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(tasks, &|index| {
                    counts[index].fetch_add(1, Ordering::Relaxed);
                });
                let once = counts
                    .iter()
                    .all(|count| count.load(Ordering::Relaxed) == 1);
                assert!(once, "{threads} threads, {tasks} tasks: {counts:?}");
            }
        }
    }

    #[test]
    fn many_small_sets_follow_each_other() {
        let pool = Pool::new(4);
        let sum = AtomicUsize::new(0);
        for _ in 0..5_000 {
            pool.run(7, &|index| {
                sum.fetch_add(index, Ordering::Relaxed);
            });
        }
        assert_eq!(sum.into_inner(), 5_000 * 21);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let pool = Pool::new(3);
        for bad in [0, 5, 63] {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                pool.run(64, &|index| assert_ne!(index, bad, "bad task"));
            }));
            let payload = outcome.unwrap_err();
            let message = payload
                .downcast_ref::<String>()
                .expect("assert panics with a `String`");
            assert!(message.contains("bad task"), "{message}");
        }
        let ran = AtomicUsize::new(0);
        pool.run(64, &|_| {
            ran.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(ran.into_inner(), 64);
    }

    #[test]
    fn a_nested_set_runs_inline() {
        let pool = Pool::new(3);
        let ran = AtomicUsize::new(0);
        pool.run(8, &|_| {
            pool.run(8, &|_| {
                ran.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(ran.into_inner(), 64);
    }

    #[test]
    fn several_callers_may_share_a_pool() {
        let pool = Pool::new(3);
        let ran = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        pool.run(5, &|_| {
                            ran.fetch_add(1, Ordering::Relaxed);
                        });
                    }
                });
            }
        });
        assert_eq!(ran.into_inner(), 4 * 200 * 5);
    }

    #[test]
    fn chunks_cover_the_slice() {
        let pool = Pool::new(2);
        for len in [0, 1, 9, 10, 11, 35] {
            let mut out = vec![0; len];
            pool.for_each_chunk(&mut out, 10, |index, chunk| {
                for (i, value) in chunk.iter_mut().enumerate() {
                    *value += index * 10 + i;
                }
            });
            let expected: Vec<usize> = (0..len).collect();
            assert_eq!(out, expected);
        }
    }
}
