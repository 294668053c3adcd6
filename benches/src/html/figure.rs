use std::fmt::Write as _;

use super::escape::text;

/// A plot with what it shows in words, and its figures as a table for those who see no plots.
pub(super) struct Figure<'a> {
    /// The name that links go to.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    /// How it is read.
    pub(super) about: &'a str,
    pub(super) width: f64,
    pub(super) height: f64,
    /// What is in the picture.
    pub(super) drawing: String,
    /// Names of lines, by the class of their color and of their mark.
    pub(super) legend: Vec<(String, String)>,
    pub(super) headings: Vec<&'a str>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Figure<'_> {
    pub(super) fn render(&self) -> String {
        let Self { id, width, height, drawing, .. } = self;
        let (title, about) = (text(self.title), text(self.about));
        let mut out = format!(
            "<figure id=\"{id}\"><figcaption><h3>{title}</h3><p>{about}</p></figcaption><div class=\"plot\">\
             <svg viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\
             <title id=\"{id}-title\">{title}</title><desc id=\"{id}-desc\">{about} The figures follow as a table.</desc>\
             {drawing}</svg></div>"
        );
        if !self.legend.is_empty() {
            out.push_str("<ul class=\"legend\">");
            for (class, name) in &self.legend {
                let name = text(name);
                let _ = write!(
                    out,
                    "<li><svg viewBox=\"0 0 26 12\" class=\"key\" aria-hidden=\"true\"><g class=\"{class}\">\
                     <line x1=\"1\" x2=\"25\" y1=\"6\" y2=\"6\"></line></g></svg>{name}</li>"
                );
            }
            out.push_str("</ul>");
        }
        out.push_str("<details><summary>The figures as a table</summary>");
        out.push_str(&table(&self.headings, &self.rows));
        out.push_str("</details></figure>");
        out
    }
}

fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = String::from("<div class=\"wide\"><table><thead><tr>");
    for heading in headings {
        let _ = write!(out, "<th scope=\"col\">{}</th>", text(heading));
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let cell = text(cell);
            let _ = match column {
                0 => write!(out, "<th scope=\"row\">{cell}</th>"),
                _ => write!(out, "<td>{cell}</td>"),
            };
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}
