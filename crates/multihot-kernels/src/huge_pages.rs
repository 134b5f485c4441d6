//! Large memory in large pages.

#[cfg(target_os = "linux")]
use rustix::mm::{Advice, madvise};

/// The size of a huge page of x86-64 and of most other systems.
#[cfg(target_os = "linux")]
const HUGE_PAGE: usize = 2 << 20;

/// Asks the system to hold `memory`, which is used as a whole and not yet, in huge pages: one page
/// fault for 2 MiB instead of 512, and fewer misses in the tables of pages.
///
/// A wish: where the system has none to give, or is no Linux, nothing changes. Not for memory of which
/// parts stay untouched: these would be held too.
pub fn use_huge_pages<T>(memory: &mut [T]) {
    #[cfg(target_os = "linux")]
    {
        let range = memory.as_mut_ptr_range();
        let (start, end) = (range.start as usize, range.end as usize);
        let first = start.next_multiple_of(HUGE_PAGE);
        let end = end / HUGE_PAGE * HUGE_PAGE;
        if first < end {
            let skipped = range.start.cast::<u8>().wrapping_add(first - start);
            // A system without huge pages goes on with small ones.
            // SAFETY: whole pages of memory that is borrowed here, and the advice does not change what
            // they hold.
            let _ = unsafe { madvise(skipped.cast(), end - first, Advice::LinuxHugepage) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_memory_holds_stays() {
        for len in [0, 1, 1 << 20, 3 << 20] {
            let mut memory: Vec<u32> = (0..len).collect();
            use_huge_pages(&mut memory);
            assert!(memory.iter().zip(0..).all(|(&x, i)| x == i), "{len}");
        }
    }
}
