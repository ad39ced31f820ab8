//! The command line of `recipe` and `list`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::shared::Format;

#[derive(Debug, Subcommand)]
pub(crate) enum RecipeCommand {
    /// Checks a recipe, and names the first mistake with its line and column
    Check {
        #[command(flatten)]
        recipe: ChosenRecipe,
        /// Where it is to run: cpu, cuda:N or metal; this machine may lack it
        #[arg(long, default_value = "cpu", value_name = "DEVICE")]
        device: String,
        /// Folder of the data sets that are not embedded
        #[arg(long, value_name = "FOLDER")]
        data_dir: Option<PathBuf>,
    },
    /// Prints a recipe with every default filled in
    Show(ChosenRecipe),
    /// Lists the recipes of all tables, to be shown as TABLE/ROW
    List,
    /// Prints every key with its type, default and meaning, as Markdown
    Reference,
    /// Prints the JSON Schema of recipes, by which editors complete and check them
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct ChosenRecipe {
    /// A TOML file, or TABLE/ROW such as table-1/tet
    pub(crate) recipe: String,
    /// The scale of a table's row
    #[arg(long, default_value = "demo")]
    pub(crate) scale: String,
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// What to list
    #[arg(value_enum)]
    pub(crate) kind: Kind,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Surrogate derivatives
    Surrogates,
    /// Neurons
    Neurons,
    /// Neurons and surrogates of other libraries, for the recipe's key `preset`
    Presets,
    /// Training methods
    Methods,
    /// Losses
    Losses,
    /// Networks
    Networks,
    /// Data sets
    Datasets,
    /// Encoders
    Encoders,
    /// Augmentations
    Augmentations,
    /// Optimizers
    Optimizers,
    /// Learning-rate schedules
    Schedules,
}
