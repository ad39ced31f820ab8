//! What a run leaves behind: manifest, metrics, summary and reports
