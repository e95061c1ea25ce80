//! How much memory the process uses, and how much it may.
//!
//! Linux tells both in `/proc` and in the control group; elsewhere nothing is known, and then nothing is refused or
//! shed for it. Sources: proc(5), and the kernel's "Control Group v2", `memory.max`.

use std::fs;

/// Bytes that the process has in memory; `None` when the system does not tell.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    kib_of(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// Bytes that the process may use: the machine's memory, or less where a control group says so. `None` when the
/// system does not tell.
#[must_use]
pub fn machine_bytes() -> Option<u64> {
    let machine = kib_of(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")?;
    Some(machine.min(group_bytes().unwrap_or(u64::MAX)))
}

/// What the control group allows.
fn group_bytes() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let folder = format!("/sys/fs/cgroup{}", path.trim_end_matches('/'));
    let limit = fs::read_to_string(format!("{folder}/memory.max")).ok()?;
    // "max": none.
    limit.trim().parse().ok()
}

/// The value of a line such as `VmRSS:     1234 kB`, in bytes.
fn kib_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_read_in_bytes() {
        let text = "Name:\tnextbest\nVmHWM:\t   20 kB\nVmRSS:\t   12 kB\n";
        assert_eq!(kib_of(text, "VmRSS:"), Some(12 * 1_024));
        assert_eq!(kib_of(text, "VmSwap:"), None);
        assert_eq!(kib_of("VmRSS: many kB", "VmRSS:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_some_memory_and_less_than_the_machine_has() {
        let (resident, machine) = (resident_bytes().unwrap(), machine_bytes().unwrap());
        assert!(0 < resident && resident < machine, "{resident} of {machine}");
    }
}
