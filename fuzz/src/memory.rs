//! An allocator that ends the program when somebody asks for very much at once.
//!
//! Memory is taken as data arrives, and no input is so long. A request beyond the bound was a length
//! that was believed before it was checked, even if nothing of it is ever touched.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;

/// The library gives large bodies 16 MiB to begin with.
const MOST: usize = 64 << 20;

struct Bounded;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

fn check(size: usize) {
    if size > MOST {
        // What says so must not allocate.
        let _ = std::io::stderr().write_all(b"more memory at once than any input is good for\n");
        std::process::abort();
    }
}

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        check(size);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }
}
