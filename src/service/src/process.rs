//! Prepares the process before it serves: protects its memory, and raises its limit of file descriptors.

use std::num::NonZeroU32;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// File descriptors for everything but connections: the database, the log, outgoing calls, files.
const RESERVED_DESCRIPTORS: u64 = 100;

/// Keeps the memory of the process out of core dumps and unreadable for other processes of the same user,
/// because it contains keys and passwords. Call this before they are read.
pub fn keep_memory_private() {
    // A failure cannot be logged yet, and it leaves the process no worse than before.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Raises the soft limit of file descriptors as far as allowed, and returns how many of `wanted` connections
/// fit into it. Further connections wait in the kernel; without this bound `accept` would fail for them.
pub(crate) fn room_for_connections(wanted: NonZeroU32) -> NonZeroU32 {
    let limit = getrlimit(Resource::Nofile);
    let needed = u64::from(wanted.get()) + RESERVED_DESCRIPTORS;
    if limit.current.is_none_or(|descriptors| descriptors >= needed) {
        return wanted;
    }
    let raised = Rlimit { current: Some(limit.maximum.map_or(needed, |most| most.min(needed))), ..limit };
    // A failure leaves the current limit, which is read again below.
    let _ = setrlimit(Resource::Nofile, raised);
    let Some(descriptors) = getrlimit(Resource::Nofile).current else { return wanted };
    let room = connections_within(descriptors, wanted);
    if room < wanted {
        tracing::warn!(
            descriptors,
            max_connections = wanted.get(),
            connections = room.get(),
            "there are too few file descriptors for http.max_connections: raise the limit (ulimit -n, LimitNOFILE)"
        );
    }
    room
}

fn connections_within(descriptors: u64, wanted: NonZeroU32) -> NonZeroU32 {
    let room = u32::try_from(descriptors.saturating_sub(RESERVED_DESCRIPTORS)).unwrap_or(u32::MAX);
    NonZeroU32::new(room).map_or(NonZeroU32::MIN, |room| room.min(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_everything_else() {
        let wanted = NonZeroU32::new(10_000).unwrap();
        for (descriptors, room) in [(1_024, 924), (10_100, 10_000), (u64::MAX, 10_000), (101, 1), (20, 1)] {
            assert_eq!(connections_within(descriptors, wanted).get(), room, "{descriptors}");
        }
    }
}
