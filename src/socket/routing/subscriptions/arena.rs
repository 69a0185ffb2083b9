//! A growing array whose elements never move.
//!
//! A vector of a million aligned nodes would copy them all when it grows. Here the elements stand
//! in pages, each as large as all before it together, and an index tells its page by its highest
//! bit.

/// Elements on the first page: what few subscriptions need.
const FIRST: usize = 2;

pub struct Arena<T> {
    pages: Vec<Vec<T>>,
    length: usize,
}

impl<T> Arena<T> {
    pub fn new() -> Self {
        Arena { pages: Vec::new(), length: 0 }
    }

    pub fn len(&self) -> usize {
        self.length
    }

    pub fn push(&mut self, element: T) {
        let (page, _) = place(self.length);
        if page == self.pages.len() {
            self.pages.push(Vec::with_capacity(FIRST << page));
        }
        self.pages[page].push(element);
        self.length += 1;
    }

    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        let (page, offset) = place(index);
        self.pages.get(page)?.get(offset)
    }
}

impl<T> std::ops::Index<usize> for Arena<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        let (page, offset) = place(index);
        &self.pages[page][offset]
    }
}

impl<T> std::ops::IndexMut<usize> for Arena<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        let (page, offset) = place(index);
        &mut self.pages[page][offset]
    }
}

/// Page and place of an element: page `n` holds `FIRST << n` of them.
#[inline]
fn place(index: usize) -> (usize, usize) {
    let counted = index + FIRST;
    let bit = counted.ilog2();
    ((bit - FIRST.ilog2()) as usize, counted - (1_usize << bit))
}
