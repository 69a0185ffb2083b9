//! The tables against a naive model, with random operations over few bytes, so that prefixes
//! overlap, and with the shapes an attacker would choose.

use super::{Removed, SubscriptionSet, SubscriptionTable};
use std::collections::{BTreeMap, BTreeSet};

/// A small generator of pseudo-random numbers; the tests need variety, not quality.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1);
        (self.0 >> 33) as usize % limit
    }

    fn topic(&mut self, longest: usize, alphabet: usize) -> Vec<u8> {
        let length = self.below(longest + 1);
        let mut byte = || (self.below(alphabet) * 255 / alphabet) as u8;
        (0..length).map(|_| byte()).collect()
    }
}

type Model = BTreeMap<Vec<u8>, BTreeSet<usize>>;

fn expected_matches(model: &Model, topic: &[u8]) -> Vec<usize> {
    let matching = model.iter().filter(|(prefix, _)| topic.starts_with(prefix));
    let mut pipes: Vec<usize> = matching.flat_map(|(_, pipes)| pipes.clone()).collect();
    pipes.sort_unstable();
    pipes
}

fn matches(table: &SubscriptionTable<usize>, topic: &[u8]) -> Vec<usize> {
    let mut pipes = Vec::new();
    table.matching(topic, |pipe| pipes.push(pipe));
    pipes.sort_unstable();
    pipes
}

fn remove_from_model(model: &mut Model, prefix: &[u8], pipe: usize) -> Removed {
    let Some(pipes) = model.get_mut(prefix) else {
        return Removed::NotFound;
    };
    if !pipes.remove(&pipe) {
        return Removed::NotFound;
    }
    if pipes.is_empty() {
        model.remove(prefix);
        return Removed::LastRemoved;
    }
    Removed::ValuesRemain
}

fn remove_pipe_from_model(model: &mut Model, pipe: usize, unique_only: bool) -> Vec<Vec<u8>> {
    let mut gone = Vec::new();
    model.retain(|prefix, pipes| {
        if pipes.remove(&pipe) && (pipes.is_empty() || !unique_only) {
            gone.push(prefix.clone());
        }
        !pipes.is_empty()
    });
    gone
}

fn compare_table(seed: u64, longest: usize, alphabet: usize, steps: usize) {
    let mut random = Random(seed);
    let mut table = SubscriptionTable::new();
    let mut model = Model::new();
    for step in 0..steps {
        // Grow first, then shrink, several times over.
        let growing = step / 500 % 2 == 0;
        let topic = random.topic(longest, alphabet);
        let pipe = random.below(5);
        match random.below(10) {
            0..=5 if growing => {
                let first = !model.contains_key(&topic);
                model.entry(topic.clone()).or_default().insert(pipe);
                assert_eq!(table.add(&topic, pipe), first);
            }
            0..=5 => {
                let start = random.below(model.len().max(1));
                let topic = model.keys().nth(start).cloned().unwrap_or(topic);
                let expected = remove_from_model(&mut model, &topic, pipe);
                assert_eq!(table.remove(&topic, pipe), expected);
            }
            6 => {
                let expected = remove_from_model(&mut model, &topic, pipe);
                assert_eq!(table.remove(&topic, pipe), expected);
            }
            7 if random.below(20) == 0 => {
                let unique_only = random.below(2) == 0;
                let mut gone = Vec::new();
                table.remove_pipe(pipe, unique_only, |prefix| gone.push(prefix.to_vec()));
                assert_eq!(gone, remove_pipe_from_model(&mut model, pipe, unique_only));
            }
            _ => assert_eq!(matches(&table, &topic), expected_matches(&model, &topic)),
        }
        assert_eq!(table.prefixes(), model.len());
        assert_eq!(table.is_empty(), model.is_empty());
    }
    for pipe in 0..5 {
        table.remove_pipe(pipe, true, |_| ());
    }
    assert!(table.is_empty());
    assert_eq!(table.trie.root(), None, "an empty table holds no memory");
}

#[test]
fn table_agrees_with_model() {
    compare_table(1, 4, 3, 8000);
    compare_table(2, 8, 2, 8000);
    compare_table(3, 2, 255, 8000);
    compare_table(4, 3, 20, 8000);
    compare_table(5, 90, 2, 4000);
}

#[test]
fn set_agrees_with_model() {
    let mut random = Random(7);
    let mut set = SubscriptionSet::new();
    let mut model: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    for _ in 0..20_000 {
        let topic = random.topic(5, 3);
        match random.below(3) {
            0 => {
                let count = model.entry(topic.clone()).or_default();
                *count += 1;
                assert_eq!(set.add(&topic), *count == 1);
            }
            1 => {
                let count = model.get(&topic).copied().unwrap_or(0);
                if count > 1 {
                    model.insert(topic.clone(), count - 1);
                } else {
                    model.remove(&topic);
                }
                assert_eq!(set.remove(&topic), count == 1);
            }
            _ => {
                let expected = model.keys().any(|prefix| topic.starts_with(prefix));
                assert_eq!(set.matches(&topic), expected);
            }
        }
        assert_eq!(set.len(), model.len());
        assert_eq!(set.total(), model.values().sum::<u32>() as usize);
    }
    let mut listed = Vec::new();
    set.for_each(|prefix| listed.push(prefix.to_vec()));
    assert_eq!(listed, model.into_keys().collect::<Vec<_>>());
}

#[test]
fn empty_prefix_matches_everything() {
    let mut table = SubscriptionTable::new();
    assert!(table.add(b"", 3));
    assert!(!table.add(b"", 3), "a repeated subscription is the same one");
    assert!(!table.add(b"", 4));
    assert_eq!(matches(&table, b""), [3, 4]);
    assert_eq!(matches(&table, b"topic"), [3, 4]);
    assert_eq!(table.remove(b"", 3), Removed::ValuesRemain);
    assert_eq!(table.remove(b"", 3), Removed::NotFound);
    assert_eq!(table.remove(b"", 4), Removed::LastRemoved);
    assert!(table.is_empty());
}

#[test]
fn empty_tables_answer() {
    let mut table = SubscriptionTable::<usize>::default();
    table.remove_pipe(1, false, |_| unreachable!());
    assert_eq!(table.remove(b"x", 1), Removed::NotFound);
    assert_eq!(matches(&table, b"x"), []);
    let mut set = SubscriptionSet::new();
    set.for_each(|_| unreachable!());
    assert!(!set.remove(b"") && !set.matches(b"") && set.is_empty());
}

#[test]
fn a_pipe_is_named_once_per_matching_prefix() {
    let mut table = SubscriptionTable::new();
    table.add(b"a", 1);
    table.add(b"ab", 1);
    table.add(b"abc", 2);
    assert_eq!(matches(&table, b"abcd"), [1, 1, 2]);
}

#[test]
fn megabyte_topics_and_deep_nesting() {
    let long = vec![b'a'; 1 << 20];
    let mut table = SubscriptionTable::new();
    let mut set = SubscriptionSet::new();
    assert!(table.add(&long, 0) && set.add(&long));
    // Every step of the way is a subscription of its own: as deep as a tree can get.
    for length in 0..3000 {
        assert!(table.add(&long[..length], 1) && set.add(&long[..length]));
    }
    assert_eq!(matches(&table, &long).len(), 3001);
    assert_eq!(matches(&table, &long[1..]).len(), 3000);
    let mut gone = 0;
    table.remove_pipe(1, true, |prefix| {
        assert_eq!(prefix.len(), gone);
        gone += 1;
    });
    assert_eq!((gone, table.prefixes()), (3000, 1));
    assert_eq!(matches(&table, &long), [0]);
    let mut lengths = Vec::new();
    set.for_each(|prefix| lengths.push(prefix.len()));
    assert_eq!(lengths.len(), 3001);
    assert_eq!(lengths.last(), Some(&long.len()));
    assert_eq!(table.remove(&long, 0), Removed::LastRemoved);
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_node_is_one_cache_line_and_a_leaf_much_less() {
    use super::trie::sizes;
    assert_eq!(sizes::<super::Pipes<usize>>(), (64, 24));
    assert_eq!(sizes::<super::Count>(), (64, 12));
}
