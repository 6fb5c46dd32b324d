//! CPU time of processes, read from `/proc`.
//!
//! Requests a second depend on what else the machine does; CPU microseconds a request hardly do, which
//! makes them the figure to compare.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result, ensure};

/// The kernel counts in these units whatever its own clock does (`USER_HZ`).
const TICKS_A_SECOND: u64 = 100;

/// What one process and its children used.
pub struct Spent {
    pub pid: u32,
    pub name: String,
    pub microseconds: u64,
}

/// Reads the counters at the start and again at the end.
pub struct CpuMeter {
    pids: Vec<u32>,
    before: Vec<u64>,
}

impl CpuMeter {
    /// Counts the given processes and, last, this one.
    pub fn start(pids: &[u32]) -> Result<Self> {
        let mut pids = pids.to_vec();
        pids.push(std::process::id());
        let table = read_table()?;
        for pid in &pids {
            ensure!(table.contains_key(pid), "there is no process {pid}");
        }
        let before = pids.iter().map(|pid| ticks_of_tree(&table, *pid, &pids)).collect();
        Ok(Self { pids, before })
    }

    pub fn stop(self) -> Result<Vec<Spent>> {
        let table = read_table()?;
        let spent = self.pids.iter().zip(&self.before).map(|(pid, before)| Spent {
            pid: *pid,
            name: table.get(pid).map_or_else(|| "(ended)".to_owned(), |process| process.name.clone()),
            microseconds: ticks_of_tree(&table, *pid, &self.pids).saturating_sub(*before) * 1_000_000
                / TICKS_A_SECOND,
        });
        Ok(spent.collect())
    }
}

#[derive(Debug, PartialEq)]
struct Process {
    name: String,
    parent: u32,
    /// Its own user and system time with that of the children it has reaped.
    ticks: u64,
}

/// A process with all of its descendants, less those that are counted by themselves: the server may be the
/// parent of its database.
fn ticks_of_tree(table: &BTreeMap<u32, Process>, root: u32, counted: &[u32]) -> u64 {
    let Some(process) = table.get(&root) else { return 0 };
    let children = table.iter().filter(|(pid, child)| child.parent == root && !counted.contains(pid));
    process.ticks + children.map(|(pid, _)| ticks_of_tree(table, *pid, counted)).sum::<u64>()
}

fn read_table() -> Result<BTreeMap<u32, Process>> {
    let entries = fs::read_dir("/proc").context("this system has no /proc")?;
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    // A process may end between the listing and the reading; then it is simply not there.
    Ok(pids
        .filter_map(|pid| Some((pid, parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?)))
        .collect())
}

/// Field numbers as in `proc(5)`; the name may hold spaces and parentheses, so counting starts after it.
fn parse(stat: &str) -> Option<Process> {
    let (before, after) = stat.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Process {
        name,
        parent: u32::try_from(field(4)?).ok()?,
        ticks: field(14)? + field(15)? + field(16)? + field(17)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_parenthesis_does_not_shift_the_fields() {
        let stat = "42 (a) b) S 7 1 1 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 5";
        assert_eq!(parse(stat), Some(Process { name: "a) b".into(), parent: 7, ticks: 100 }));
    }

    #[test]
    fn a_child_counted_by_itself_is_not_counted_twice() {
        let process = |parent, ticks| Process { name: String::new(), parent, ticks };
        let table = BTreeMap::from([(1, process(0, 5)), (2, process(1, 10)), (3, process(2, 100))]);
        assert_eq!(ticks_of_tree(&table, 1, &[1]), 115);
        assert_eq!(ticks_of_tree(&table, 1, &[1, 2]), 5);
        assert_eq!(ticks_of_tree(&table, 2, &[1, 2]), 110);
    }

    #[test]
    fn this_process_is_found() {
        assert!(read_table().unwrap().contains_key(&std::process::id()));
    }
}
