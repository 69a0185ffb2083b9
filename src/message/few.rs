//! Copying few bytes.

/// So many bytes are few: they are copied without a call.
pub const FEW: usize = 64;

/// Copies one byte to [`FEW`].
///
/// # Safety
/// As for [`core::ptr::copy_nonoverlapping`], and `len` is one of those.
#[inline(always)]
pub unsafe fn copy_few(from: *const u8, to: *mut u8, len: usize) {
    /// Copies the first and the last bytes, which may be the same in part.
    #[inline(always)]
    unsafe fn ends<T>(from: *const u8, to: *mut u8, len: usize) {
        let last = len - core::mem::size_of::<T>();
        // SAFETY: the caller has as many bytes in both places.
        unsafe {
            let (first, second) =
                (from.cast::<T>().read_unaligned(), from.add(last).cast::<T>().read_unaligned());
            to.cast::<T>().write_unaligned(first);
            to.add(last).cast::<T>().write_unaligned(second);
        }
    }
    // SAFETY: each copies no more than `len` bytes.
    unsafe {
        match len {
            33.. => {
                let second = from.add(16).cast::<u128>().read_unaligned();
                let third = from.add(len - 32).cast::<u128>().read_unaligned();
                ends::<u128>(from, to, len);
                to.add(16).cast::<u128>().write_unaligned(second);
                to.add(len - 32).cast::<u128>().write_unaligned(third);
            }
            17.. => ends::<u128>(from, to, len),
            8.. => ends::<u64>(from, to, len),
            4.. => ends::<u32>(from, to, len),
            2.. => ends::<u16>(from, to, len),
            _ => *to = *from,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bytes_are_copied_whole_and_nothing_beside_them() {
        let from: Vec<u8> = (1..=100).collect();
        for len in 1..=FEW {
            let mut to = [0u8; FEW + 2];
            // SAFETY: there is room for them, and one byte more on each side.
            unsafe { copy_few(from.as_ptr(), to.as_mut_ptr().add(1), len) };
            assert_eq!(to[1..=len], from[..len]);
            assert!(to[0] == 0 && to[len + 1..].iter().all(|&byte| byte == 0), "{len}");
        }
    }
}
