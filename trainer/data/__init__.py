"""The labelled reviews: where they come from, how they are split and audited."""
