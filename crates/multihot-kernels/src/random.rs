//! The only source of chance in the project: functions of a key and an index, without state.

/// 2^64 divided by the golden ratio, the step of SplitMix64 (Steele, Lea and Flood, 2014).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64: every bit of `x` moves every bit of the result.
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A key for one use of chance, from a seed and numbers that tell the use from all others.
///
/// The order and the count of `parts` matter: `[1, 2]`, `[2, 1]` and `[1, 2, 0]` give three keys.
pub fn key(seed: u64, parts: &[u64]) -> u64 {
    parts
        .iter()
        .fold(mix(seed.wrapping_add(GOLDEN)), |key, &part| bits(key, part))
}

/// 64 random bits.
pub(crate) fn bits(key: u64, index: u64) -> u64 {
    // Two rounds, so that neighbouring keys do not give shifted copies of one sequence.
    mix(mix(key.wrapping_add(index.wrapping_mul(GOLDEN))).wrapping_add(key ^ GOLDEN))
}

/// Evenly spread in `0.0..1.0`, a multiple of 2^-53.
pub fn uniform(key: u64, index: u64) -> f64 {
    (bits(key, index) >> 11) as f64 / (1u64 << 53) as f64
}

/// Normally distributed with mean 0 and standard deviation 1, by the equation of Box and Muller.
pub fn normal(key: u64, index: u64) -> f64 {
    let radius = uniform(key, index.wrapping_mul(2));
    let angle = uniform(key, index.wrapping_mul(2).wrapping_add(1));
    // 1 - radius is in (0, 1], where the logarithm is finite.
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// Brings `values` into random order (Fisher and Yates).
pub fn shuffle<T>(key: u64, values: &mut [T]) {
    for i in (1..values.len()).rev() {
        let choices = i as u128 + 1;
        // The high half of the product: a bias below 2^-40 for any slice that fits in memory.
        let j = (u128::from(bits(key, i as u64)) * choices) >> 64;
        values.swap(i, j as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_never_change() {
        // Models are reproduced by seed: these numbers are a promise.
        assert_eq!(key(0, &[]), 16_294_208_416_658_607_535);
        assert_eq!(
            uniform(key(1, &[2, 3]), 4).to_bits(),
            4_598_440_675_656_538_996
        );
        let mut order = [0, 1, 2, 3, 4, 5, 6, 7];
        shuffle(7, &mut order);
        assert_eq!(order, [7, 4, 6, 2, 5, 3, 0, 1]);
    }

    #[test]
    fn order_and_count_of_parts_matter() {
        let keys = [
            key(0, &[1, 2]),
            key(0, &[2, 1]),
            key(0, &[1, 2, 0]),
            key(1, &[1, 2]),
        ];
        for (i, a) in keys.iter().enumerate() {
            assert!(keys[..i].iter().all(|b| a != b), "{keys:?}");
        }
    }

    #[test]
    fn uniform_is_even() {
        let n = 100_000;
        let values: Vec<f64> = (0..n).map(|i| uniform(3, i)).collect();
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
        for tenth in 0..10 {
            let low = f64::from(tenth) / 10.0;
            let count = values
                .iter()
                .filter(|&&v| v >= low && v < low + 0.1)
                .count() as f64;
            // Five standard deviations of a count of this size.
            assert!((count - 10_000.0).abs() < 475.0, "from {low}: {count}");
        }
    }

    #[test]
    fn normal_has_mean_0_and_variance_1() {
        let n = 100_000;
        let values: Vec<f64> = (0..n).map(|i| normal(3, i)).collect();
        let mean = values.iter().sum::<f64>() / n as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 0.016, "{mean}");
        assert!((variance - 1.0).abs() < 0.023, "{variance}");
    }

    #[test]
    fn shuffle_keeps_the_values_and_depends_on_the_key() {
        let sorted: Vec<usize> = (0..100).collect();
        let mut a = sorted.clone();
        let mut b = sorted.clone();
        shuffle(1, &mut a);
        shuffle(2, &mut b);
        assert_ne!(a, sorted);
        assert_ne!(a, b);
        a.sort_unstable();
        assert_eq!(a, sorted);
        shuffle(1, &mut [0u8; 0]);
    }
}
