//! Isotonic regression by pooling adjacent violators.

use super::Group;

/// Pools neighbours of `groups`, which rise in their logits, until the share of yes rises strictly
/// from pool to pool; a pool's logit is the mean of its cells.
pub(super) fn rising_means(groups: &[Group]) -> Vec<Group> {
    let mut pools: Vec<Group> = Vec::new();
    for &group in groups {
        let mut pool = group;
        while let Some(&before) = pools.last()
            && !rises(before, pool)
        {
            pools.pop();
            pool = together(before, pool);
        }
        pools.push(pool);
    }
    pools
}

/// Whether `b` comes after `a` with a higher share of yes.
fn rises(a: Group, b: Group) -> bool {
    a.logit < b.logit && a.yes * (b.yes + b.no) < b.yes * (a.yes + a.no)
}

fn together(a: Group, b: Group) -> Group {
    let (of_a, of_b) = (a.yes + a.no, b.yes + b.no);
    Group {
        logit: (a.logit * of_a + b.logit * of_b) / (of_a + of_b),
        yes: a.yes + b.yes,
        no: a.no + b.no,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cells(cells: &[(f64, u8)]) -> Vec<Group> {
        let group = |&(logit, yes): &(f64, u8)| Group {
            logit,
            yes: f64::from(yes),
            no: f64::from(1 - yes),
        };
        cells.iter().map(group).collect()
    }

    #[test]
    fn violators_are_pooled() {
        let pools = rising_means(&cells(&[(0.0, 0), (1.0, 1), (2.0, 0), (3.0, 1), (4.0, 1)]));
        let shares: Vec<(f64, f64)> = pools
            .iter()
            .map(|pool| (pool.logit, pool.yes / (pool.yes + pool.no)))
            .collect();
        assert_eq!(shares, [(0.0, 0.0), (1.5, 0.5), (3.5, 1.0)]);
    }

    #[test]
    fn what_always_falls_is_one_pool() {
        assert_eq!(rising_means(&cells(&[(0.0, 1), (1.0, 0)])).len(), 1);
        assert_eq!(rising_means(&[]), []);
    }

    proptest! {
        #[test]
        fn pools_rise_and_lose_no_cell(raw in prop::collection::vec((0..50_u8, 0..2_u8), 1..80)) {
            let mut raw: Vec<(f64, u8)> =
                raw.into_iter().map(|(z, yes)| (f64::from(z), yes)).collect();
            raw.sort_by(|a, b| a.0.total_cmp(&b.0));
            let pools = rising_means(&cells(&raw));
            prop_assert!(pools.windows(2).all(|pair| rises(pair[0], pair[1])));
            let yes: f64 = pools.iter().map(|pool| pool.yes).sum();
            prop_assert_eq!(yes, raw.iter().map(|&(_, yes)| f64::from(yes)).sum::<f64>());
        }
    }
}
