//! The tables against a naive model, with random operations over few bytes, so that prefixes
//! overlap, and with the shapes an attacker would choose.

use super::node::Node;
use super::place::{Place, LIMIT};
use super::{Count, Matched, Removed, SubscriptionSet, SubscriptionTable};
use std::collections::{BTreeMap, BTreeSet};

/// A small generator of pseudo-random numbers; the tests need variety, not quality.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1);
        (self.0 >> 33) as usize % limit
    }

    /// Bytes that are multiples of `apart`.
    fn topic(&mut self, longest: usize, alphabet: usize, apart: usize) -> Vec<u8> {
        let length = self.below(longest + 1);
        let mut byte = || (self.below(alphabet) * apart) as u8;
        (0..length).map(|_| byte()).collect()
    }
}

/// Those in the middle are the largest that a bare end may have, and the smallest that it may not.
const PIPES: [usize; 5] = [0, 1, LIMIT as usize - 2, LIMIT as usize - 1, usize::MAX];

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

/// Two messages in a row are alike only if the same pipes get them; one that matches a prefix with
/// one pipe is, if the last one matched nothing else.
fn compare_alike(table: &SubscriptionTable<usize>, model: &Model, topics: [&[u8]; 2]) {
    let mut matched = Matched::default();
    assert!(!table.matches_alike(topics[0], &mut matched));
    let alike = table.matches_alike(topics[1], &mut matched);
    let sets = topics.map(|topic| {
        let matching = model.iter().filter(|(prefix, _)| topic.starts_with(prefix));
        matching.map(|(_, pipes)| pipes.clone()).collect::<Vec<_>>()
    });
    if alike {
        assert_eq!(sets[0], sets[1]);
    } else if sets[0] == sets[1] && sets[0].len() <= super::REMEMBERED {
        assert!(
            sets[0].iter().flatten().any(|pipe| *pipe > PIPES[2])
                || sets[0].iter().any(|set| set.len() > 1)
        );
    }
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

fn compare_table(seed: u64, longest: usize, (alphabet, apart): (usize, usize), steps: usize) {
    let mut random = Random(seed);
    let mut table = SubscriptionTable::new();
    let mut model = Model::new();
    for step in 0..steps {
        // Grow first, then shrink, several times over.
        let growing = step / 500 % 2 == 0;
        let topic = random.topic(longest, alphabet, apart);
        let pipe = PIPES[random.below(5)];
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
            _ => {
                assert_eq!(matches(&table, &topic), expected_matches(&model, &topic));
                let other = random.topic(longest, alphabet, apart);
                compare_alike(&table, &model, [&topic, &other]);
            }
        }
        assert_eq!(table.prefixes(), model.len());
        assert_eq!(table.is_empty(), model.is_empty());
    }
    for pipe in PIPES {
        table.remove_pipe(pipe, true, |_| ());
    }
    assert!(table.is_empty());
    assert_eq!(table.trie.root(), None, "an empty table holds no memory");
}

#[test]
fn table_agrees_with_model() {
    compare_table(1, 4, (3, 85), 8000);
    compare_table(2, 8, (2, 127), 8000);
    compare_table(3, 2, (256, 1), 8000);
    compare_table(4, 3, (20, 12), 8000);
    compare_table(5, 90, (2, 127), 4000);
    compare_table(6, 3, (8, 1), 8000);
    compare_table(7, 4, (12, 1), 20_000);
}

#[test]
fn set_agrees_with_model() {
    compare_set(7, (3, 85));
    compare_set(8, (7, 1));
}

fn compare_set(seed: u64, (alphabet, apart): (usize, usize)) {
    let mut random = Random(seed);
    let mut set = SubscriptionSet::new();
    let mut model: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    for _ in 0..20_000 {
        let topic = random.topic(5, alphabet, apart);
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

#[test]
fn an_end_is_bare_where_it_can_be() {
    let mut table = SubscriptionTable::new();
    let place = |table: &SubscriptionTable<usize>, prefix| table.trie.find(prefix).unwrap();
    table.add(b"ab", 1);
    assert!(matches!(place(&table, b"ab"), Place::Leaf(_)));
    table.add(b"ac", 1);
    assert!(matches!(place(&table, b"ab"), Place::Bare { .. }), "split to one byte");
    assert!(matches!(place(&table, b"ac"), Place::Bare { .. }));
    table.add(b"ac", 2);
    assert!(matches!(place(&table, b"ac"), Place::Leaf(_)), "a second pipe");
    assert_eq!(table.remove(b"ac", 1), Removed::ValuesRemain);
    assert_eq!((matches(&table, b"ab"), matches(&table, b"ac")), (vec![1], vec![2]));
    table.add(b"abc", 3);
    assert!(matches!(place(&table, b"ab"), Place::Node(_)), "a child");
    assert!(matches!(place(&table, b"abc"), Place::Bare { .. }));
    assert_eq!(matches(&table, b"abcd"), [1, 3]);
    assert_eq!(table.remove(b"ab", 1), Removed::LastRemoved);
    assert!(matches!(place(&table, b"abc"), Place::Leaf(_)), "merged with the one above");
    assert_eq!(matches(&table, b"abcd"), [3]);
    table.add(b"abd", LIMIT as usize - 1);
    assert!(matches!(place(&table, b"abd"), Place::Leaf(_)), "too large a key");
    assert!(matches!(place(&table, b"abc"), Place::Bare { .. }), "split again");
    for pipe in [3, 2, LIMIT as usize - 1] {
        table.remove_pipe(pipe, true, |_| ());
    }
    assert_eq!(table.trie.root(), None);
}

#[test]
fn bare_ends_that_go_together_are_all_found() {
    let mut table = SubscriptionTable::new();
    for prefix in [&b"xa"[..], b"xb", b"xc", b"ya", b"yb"] {
        table.add(prefix, 1);
    }
    table.add(b"yb", 2);
    let mut gone = Vec::new();
    table.remove_pipe(1, true, |prefix| gone.push(prefix.to_vec()));
    assert_eq!(gone, [&b"xa"[..], b"xb", b"xc", b"ya"]);
    assert!(table.trie.find(b"x").is_none() && table.trie.find(b"xa").is_none());
    assert_eq!(table.remove(b"yb", 2), Removed::LastRemoved);
    assert_eq!(table.trie.root(), None);
}

#[test]
fn a_count_too_large_for_a_bare_end() {
    let mut set = SubscriptionSet::new();
    assert!(set.add(b"ab") && set.add(b"ac"));
    let place = |set: &SubscriptionSet| set.trie.find(b"ab").unwrap();
    assert!(matches!(place(&set), Place::Bare { .. }));
    set.trie.update(b"ab", |count| *count = Count(LIMIT - 2));
    assert!(!set.add(b"ab") && matches!(place(&set), Place::Bare { .. }));
    assert!(!set.add(b"ab") && matches!(place(&set), Place::Leaf(_)));
    assert_eq!(set.trie.update(b"ab", |count| count.0), Some(LIMIT));
    set.trie.update(b"ab", |count| *count = Count(u32::MAX));
    assert!(!set.add(b"ab") && set.matches(b"ab") && set.matches(b"ac"));
    assert_eq!(set.trie.update(b"ab", |count| count.0), Some(u32::MAX));
    set.trie.update(b"ab", |count| *count = Count(1));
    assert!(set.remove(b"ab") && !set.remove(b"ab") && set.remove(b"ac"));
    assert_eq!(set.trie.root(), None);
}

#[test]
fn messages_to_the_same_only_subscriber_are_alike() {
    let mut table = SubscriptionTable::new();
    for (prefix, pipe) in
        [(&b"a1"[..], 1), (b"a2", 1), (b"b3", 2), (b"long topic", 1), (b"c", 1), (b"c4", 1)]
    {
        table.add(prefix, pipe);
    }
    table.add(b"d5", 1);
    table.add(b"d5", 2);
    let mut matched = Matched::default();
    let mut alike =
        |table: &SubscriptionTable<usize>, topic| table.matches_alike(topic, &mut matched);
    assert!(!alike(&table, b"a1"));
    assert!(alike(&table, b"a2") && alike(&table, b"long topic") && alike(&table, b"a1"));
    assert!(!alike(&table, b"b3"), "another pipe");
    assert!(!alike(&table, b"a1"));
    assert!(!alike(&table, b"none"), "no pipe");
    assert!(!alike(&table, b"a1"));
    assert!(!alike(&table, b"d5"), "more pipes");
    assert!(alike(&table, b"d5"));
    assert!(!alike(&table, b"a1"));
    table.add(b"a1", 3);
    assert!(!alike(&table, b"a2"), "something changed");
    assert!(!alike(&table, b"c4"), "named by two prefixes");
    assert!(alike(&table, b"c4"));
    assert!(!alike(&table, b"a2"));
}

#[test]
fn dense_ends_take_no_memory() {
    let mut table = SubscriptionTable::new();
    let mut set = SubscriptionSet::new();
    for number in 0..1000 {
        let topic = format!("topic-{number:03}");
        assert!(table.add(topic.as_bytes(), 1) && set.add(topic.as_bytes()));
    }
    // The root, "topic-", and one for each of the first two digits of a number.
    assert_eq!(table.trie.used(), (1 + 1 + 10 + 100, 1));
    assert_eq!(set.trie.used(), (1 + 1 + 10 + 100, 1));
}

#[test]
fn bytes_do_not_go_on_from_the_last_to_the_first() {
    let mut table = SubscriptionTable::new();
    for byte in 250..=254 {
        assert!(table.add(&[b'x', byte], 1));
    }
    assert!(table.add(b"x\0", 2));
    let mut gone = Vec::new();
    table.remove_pipe(2, false, |prefix| gone.push(prefix.to_vec()));
    assert_eq!(gone, [b"x\0"]);
    assert!(table.add(b"x\0", 3));
    table.remove_pipe(1, false, |_| {});
    assert_eq!(matches(&table, b"x\0"), [3]);
}

#[test]
fn a_node_agrees_with_a_map() {
    let mut random = Random(9);
    for (lowest, alphabet) in [(48, 10), (0, 10), (246, 10), (250, 10), (0, 30), (7, 256)] {
        let mut node = Node::<Count>::new(1, b"x");
        let mut model = BTreeMap::new();
        let mut rows = 0;
        for step in 0..4000 {
            let byte = (lowest + random.below(alphabet)) as u8;
            match random.below(3) {
                0 if model.remove(&byte).is_some() => node.remove_child(byte),
                1 if model.contains_key(&byte) => {
                    model.insert(byte, step + 1);
                    node.replace_child(byte, step + 1);
                }
                2 if model.len() < step as usize / 250 && !model.contains_key(&byte) => {
                    model.insert(byte, step + 1);
                    node.add_child(byte, step + 1);
                }
                _ if random.below(100) == 0 => {
                    let label = &b"long"[..1 + random.below(4)];
                    node.set_place(step, label);
                    assert_eq!((node.parent(), node.label()), (step, label));
                }
                _ => {}
            }
            let children: Vec<(u8, u32)> = node.children().collect();
            assert_eq!(children, model.clone().into_iter().collect::<Vec<_>>());
            assert_eq!(node.child(byte), model.get(&byte).copied());
            assert_eq!(
                node.child_after(byte),
                children.iter().find(|(own, _)| *own > byte).copied()
            );
            rows += usize::from(node.is_row());
        }
        // Those of ten bytes in a row; of the others at times.
        assert!(rows > 400 || alphabet != 10 || lowest + alphabet > 256, "{rows}");
    }
}
