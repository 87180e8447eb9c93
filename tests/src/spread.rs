//! Independent tries on several threads.

use std::sync::{Mutex, PoisonError};

use anyhow::anyhow;

/// Cores of this machine.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Does `one` for every item, on so many threads at once. What they give comes in no order.
///
/// # Errors
/// The first that fails; those under way are done to their end, and no more are begun.
pub fn spread<I, T: Send>(
    threads: usize,
    items: impl Iterator<Item = I> + Send,
    one: impl Fn(I) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let left = Mutex::new(Some(items));
    let next = || {
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        left.as_mut().and_then(Iterator::next)
    };
    let stop = || *left.lock().unwrap_or_else(PoisonError::into_inner) = None;
    let work = || {
        let mut mine = Vec::new();
        while let Some(item) = next() {
            mine.push(one(item).inspect_err(|_| stop())?);
        }
        anyhow::Ok(mine)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for thread in threads {
            let mine = thread
                .join()
                .map_err(|_| anyhow!("a try panicked, its words are above"))?;
            all.extend(mine?);
        }
        Ok(all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_done_once() {
        let mut done = spread(4, 0..1_000, |n| Ok(n * 2)).unwrap();
        done.sort_unstable();
        assert_eq!(done, (0..1_000).map(|n| n * 2).collect::<Vec<_>>());
    }

    #[test]
    fn after_a_failure_no_more_are_begun() {
        let begun = Mutex::new(0);
        let failed = spread(2, 0.., |n| {
            *begun.lock().unwrap() += 1;
            anyhow::ensure!(n != 10, "ten");
            Ok(())
        });
        assert_eq!(failed.unwrap_err().to_string(), "ten");
        assert!(*begun.lock().unwrap() >= 11);
    }
}
