//! What a system's processes have computed so far, on Linux. A machine that is busy with other things makes each request
//! slower, but hardly dearer.

use std::time::Duration;

/// Linux counts in hundredths of a second, on all common machines.
const TICK: Duration = Duration::from_millis(10);

/// Of a process and its descendants; what ended before is not in it. `None` where `/proc` is not Linux's.
pub(super) fn used_by(process: u32) -> Option<Duration> {
    let mut all: Vec<(u32, u32, u32)> = Vec::new();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let id = entry.file_name().to_str().and_then(|id| id.parse().ok());
        let Some(id) = id else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat"));
        if let Some((parent, ticks)) = stat.ok().and_then(|stat| parsed(&stat)) {
            all.push((id, parent, ticks));
        }
    }
    let mut ours = vec![process];
    let mut at = 0;
    while let Some(&parent) = ours.get(at) {
        let children = all.iter().filter(|(_, of, _)| *of == parent);
        ours.extend(children.map(|(id, ..)| *id));
        at += 1;
    }
    let mut ticks = None;
    for (id, _, used) in all {
        if ours.contains(&id) {
            ticks = Some(ticks.unwrap_or(0) + used);
        }
    }
    ticks.map(|ticks| TICK * ticks)
}

/// Parent and ticks of a line of `/proc/ID/stat`, which names the program in brackets.
fn parsed(stat: &str) -> Option<(u32, u32)> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
    Some((number(1)?, number(11)? + number(12)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_understood_whatever_the_program_is_called() {
        let line = "4242 (a) b (c) S 17 4242 1 0 -1 4194304 900 0 0 0 250 30 7 8 20 0 3 0 99";
        assert_eq!(parsed(line), Some((17, 280)));
    }
}
