//! Dates and times as ISO 8601 writes them, without a time zone.

/// The date `days` after 1 January 1970, such as `2024-02-29`.
///
/// Source: Howard Hinnant, [chrono-Compatible Low-Level Date Algorithms][days], `civil_from_days`.
///
/// [days]: https://howardhinnant.github.io/date_algorithms.html
pub(crate) fn date(days: i64) -> String {
    // March starts the year, so that the day that some years have is the last one.
    let days = i128::from(days) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The time of day `count` parts after midnight, of which a second has `in_second`, a power of
/// ten: `13:45:00`, with a fraction where there is one.
pub(crate) fn time(count: i64, in_second: i64) -> String {
    let seconds = count.div_euclid(in_second);
    let fraction = count.rem_euclid(in_second);
    let (hours, minutes) = (
        seconds.div_euclid(3600),
        seconds.div_euclid(60).rem_euclid(60),
    );
    let mut time = format!("{hours:02}:{minutes:02}:{:02}", seconds.rem_euclid(60));
    if fraction > 0 {
        let digits = in_second.ilog10() as usize;
        let fraction = format!("{fraction:0digits$}");
        time.push('.');
        time.push_str(fraction.trim_end_matches('0'));
    }
    time
}

/// The moment `count` parts after the start of 1970: `2024-02-29T13:45:00`.
pub(crate) fn timestamp(count: i64, in_second: i64) -> String {
    let in_day = 86_400 * in_second;
    let day = date(count.div_euclid(in_day));
    format!("{day}T{}", time(count.rem_euclid(in_day), in_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        let cases = [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (19_782, "2024-02-29"),
            (19_783, "2024-03-01"),
            (-25_509, "1900-02-28"),
            (-25_508, "1900-03-01"),
            (-719_468, "0000-03-01"),
            (2_932_896, "9999-12-31"),
        ];
        for (days, expected) in cases {
            assert_eq!(date(days), expected, "{days}");
        }
        for days in [i64::MIN, i64::MAX] {
            assert!(date(days).contains('-'));
        }
    }

    #[test]
    fn moments_have_dates_and_times() {
        let cases = [
            (0, 1000, "1970-01-01T00:00:00"),
            (-1, 1000, "1969-12-31T23:59:59.999"),
            (1_709_214_300_000_500, 1_000_000, "2024-02-29T13:45:00.0005"),
            (
                1_709_214_300_000_000_001,
                1_000_000_000,
                "2024-02-29T13:45:00.000000001",
            ),
        ];
        for (count, in_second, expected) in cases {
            assert_eq!(timestamp(count, in_second), expected);
        }
        assert_eq!(time(49_500, 1), "13:45:00");
        assert_eq!(time(100 * 3600, 1), "100:00:00");
        assert!(timestamp(i64::MIN, 1000).starts_with('-'));
    }
}
