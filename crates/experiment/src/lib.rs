//! Recipes and the papers' tables as data
