use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};

/// Enough to see the ratio; the sizes that limits are promised for are asked for by hand.
const LOG_MIB: u32 = 128;
/// A log of more is not planned for: its length is counted in 32 bits.
const LOG_MIB_MAX: u32 = 2048;
/// In seconds; longer than this a case has enough rounds on any machine.
const TIME_MAX: f64 = 600.0;

const OPTIONS: &str = "`--dir PATH`, `--log-mib N`, `--time SECONDS`, `--save NAME`, `--compare NAME`, `--json FILE`, `--html FILE`, `--report FILE`, `--with FILE`, `--profile SECONDS`, `--list`, and filters";

/// What is measured, and where the results go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// Where the files of the cases are.
    pub dir: Option<PathBuf>,
    /// How long the logs are that are recovered, in MiB.
    pub log_mib: u32,
    /// How long the rounds of a case may go on, once there are 15 of them; none: as long as the program says.
    pub time: Option<Duration>,
    /// Under which name the run is kept.
    pub save: Option<String>,
    /// The name of the run that it is compared with.
    pub compare: Option<String>,
    /// Where it is written as JSON.
    pub json: Option<PathBuf>,
    /// Where it is written as a page for a browser.
    pub html: Option<PathBuf>,
    /// A run as JSON, of another program at the same time, whose rows are added.
    pub with: Option<PathBuf>,
    /// Where what is printed is written as a page.
    pub report: Option<PathBuf>,
    /// For how many seconds each case is called for a profiler, instead of being measured.
    pub profile: Option<u32>,
    /// Whether the names of the cases are printed, instead of anything being measured.
    pub list: bool,
    /// A case is measured whose name has one of them; none: all are.
    pub filters: Vec<String>,
}

impl Arguments {
    /// Reads the arguments of a program.
    ///
    /// # Errors
    /// When one is unknown, or misses what comes after it.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Self> {
        let mut arguments = Self {
            dir: None,
            log_mib: LOG_MIB,
            time: None,
            save: None,
            compare: None,
            json: None,
            html: None,
            with: None,
            report: None,
            profile: None,
            list: false,
            filters: Vec::new(),
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("`{arg}` needs what comes after it"));
            match arg.as_str() {
                "--dir" => arguments.dir = Some(value()?.into()),
                "--log-mib" => {
                    arguments.log_mib = value()?.parse().context("`--log-mib` needs a number")?;
                    ensure!(
                        (1..=LOG_MIB_MAX).contains(&arguments.log_mib),
                        "a log has 1 to {LOG_MIB_MAX} MiB"
                    );
                }
                "--list" => arguments.list = true,
                "--time" => {
                    let seconds: f64 = value()?.parse().context("`--time` needs seconds, a number")?;
                    ensure!((0.0..=TIME_MAX).contains(&seconds), "a case has 0 to {TIME_MAX} seconds");
                    arguments.time = Some(Duration::from_secs_f64(seconds));
                }
                "--save" => arguments.save = Some(value()?),
                "--compare" => arguments.compare = Some(value()?),
                "--json" => arguments.json = Some(value()?.into()),
                "--html" => arguments.html = Some(value()?.into()),
                "--with" => arguments.with = Some(value()?.into()),
                "--report" => arguments.report = Some(value()?.into()),
                "--profile" => {
                    arguments.profile =
                        Some(value()?.parse().context("`--profile` needs seconds, a number")?);
                }
                option if option.starts_with('-') => {
                    bail!("unknown option `{option}`; there are {OPTIONS}")
                }
                _ => arguments.filters.push(arg),
            }
        }
        Ok(arguments)
    }

    /// Whether a case is asked for.
    pub fn wants(&self, id: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| id.contains(filter))
    }
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, time::Duration};

    use super::Arguments;

    fn parse(args: &str) -> anyhow::Result<Arguments> {
        Arguments::parse(args.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_option_arrives_and_filters_add_up() {
        let read = parse(
            "slot --dir d --log-mib 7 --time 0.5 --save s --compare c --json j --html h --with w --report r --profile 2 wal",
        )
        .unwrap();
        assert_eq!((read.profile, read.time), (Some(2), Some(Duration::from_millis(500))));
        assert_eq!((read.log_mib, read.save.as_deref(), read.compare.as_deref()), (7, Some("s"), Some("c")));
        let paths =
            [&read.dir, &read.json, &read.html, &read.with, &read.report].map(|path| path.clone().unwrap());
        assert_eq!(paths, ["d", "j", "h", "w", "r"].map(PathBuf::from));
        assert!(read.wants("slot save/1 KB") && read.wants("wal durable/1 KB") && !read.wants("encode/1k"));
        assert!(parse("").unwrap().wants("anything"));
        assert!(!read.list && parse("--list wal").unwrap().list);
    }

    #[test]
    fn what_is_unknown_or_cut_short_is_refused() {
        for (args, expected) in [
            ("--fast", "`--fast`"),
            ("--save", "`--save`"),
            ("--log-mib many", "number"),
            ("--log-mib 0", "1 to"),
            ("--time long", "seconds"),
            ("--time -1", "0 to"),
            ("--profile long", "seconds"),
        ] {
            let said = format!("{:#}", parse(args).unwrap_err());
            assert!(said.contains(expected), "{said}");
        }
    }
}
