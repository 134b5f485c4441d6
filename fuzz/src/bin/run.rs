//! `run TARGET SECONDS [SEED]`: changes the seeds of a target at random and reads what comes out,
//! for as long. It needs neither nightly nor cargo-fuzz, and finds less than they do.
//!
//! `run TARGET FILE` reads one input, as it was left by a run that ended badly.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use multihot_fuzz::{TARGETS, Target};

/// An input that takes longer is a finding, even on a machine that has other work.
const LONGEST: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let target = args.first().and_then(|name| Target::named(name));
    let (Some(target), Some(what)) = (target, args.get(1)) else {
        let names = TARGETS.map(|target| target.name);
        eprintln!("run TARGET SECONDS|FILE [SEED]; targets are {}", names.join(", "));
        return ExitCode::from(2);
    };
    let Ok(seconds) = what.parse() else {
        target.read(&fs::read(what).expect("the file can be read"));
        return ExitCode::SUCCESS;
    };
    let seed = args.get(2).and_then(|seed| seed.parse().ok()).unwrap_or(1);
    run(target, Duration::from_secs(seconds), seed)
}

fn run(target: Target, time: Duration, seed: u64) -> ExitCode {
    // What is being read, for when the process does not live to tell.
    let last = PathBuf::from(format!("last-{}", target.name));
    let mut chance = Chance(seed);
    let (started, mut inputs) = (Instant::now(), 0_u64);
    while started.elapsed() < time {
        let input = chance.input(&target);
        fs::write(&last, &input).expect("the folder can be written");
        let begun = Instant::now();
        target.read(&input);
        if begun.elapsed() > LONGEST {
            eprintln!("{}: took {:.1?}: {}", target.name, begun.elapsed(), last.display());
            return ExitCode::FAILURE;
        }
        inputs += 1;
    }
    let _ = fs::remove_file(&last);
    println!("{}: {inputs} inputs in {:.0?}, nothing found", target.name, started.elapsed());
    ExitCode::SUCCESS
}

/// Numbers by SplitMix64 (Steele, Lea and Flood, 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn input(&mut self, target: &Target) -> Vec<u8> {
        let mut input = target.seeds[self.below(target.seeds.len())].to_vec();
        for _ in 0..1 + self.below(8) {
            self.change(&mut input, target);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, target: &Target) {
        let place = self.below(input.len());
        let span = place..(place + 1 + self.below(16)).min(input.len());
        match self.below(8) {
            0 if !input.is_empty() => input[place] ^= 1 << self.below(8),
            1 if !input.is_empty() => input[place] = self.next() as u8,
            2 => drop(input.drain(span)),
            3 => {
                let copy = input[span].to_vec();
                let to = self.below(input.len() + 1);
                input.splice(to..to, copy);
            }
            4 => {
                let word = target.words[self.below(target.words.len())].as_bytes();
                input.splice(place..place, word.iter().copied());
            }
            5 => {
                // The numbers that lies are made of.
                let numbers = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF_FFFF, u64::MAX, 1 << 31, 1 << 40];
                let bytes = numbers[self.below(numbers.len())].to_le_bytes();
                for (byte, new) in input[span].iter_mut().zip(bytes) {
                    *byte = new;
                }
            }
            6 => {
                let other = target.seeds[self.below(target.seeds.len())];
                let from = self.below(other.len());
                let end = (from + self.below(64)).min(other.len());
                input.splice(place..place, other[from..end].iter().copied());
            }
            _ => input.truncate(input.len() - self.below(input.len() / 8)),
        }
    }
}
