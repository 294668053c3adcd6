/// What was printed, as a page: blocks under their headings, without those that are empty.
pub(super) fn report(blocks: &[(&str, &str)]) -> String {
    let mut page = String::from(
        "# Benchmarks\n\nWritten by `keepstone-benches --report FILE`, not by hand. What the columns and cases mean stands in \
         [benches/README.md](../benches/README.md): a figure counts beside its floor, which ran in turns with it; an absolute time says more \
         about the machine.\n",
    );
    for (heading, block) in blocks.iter().filter(|(_, block)| !block.trim().is_empty()) {
        page.push_str("\n## ");
        page.push_str(heading);
        page.push_str("\n\n```text\n");
        page.push_str(block.trim_end());
        page.push_str("\n```\n");
    }
    page
}
