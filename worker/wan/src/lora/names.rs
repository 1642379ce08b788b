//! What the tensors of a LoRA file are called, and which tensor of the transformer each one means.

/// The part that a tensor plays in a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// `[rank, in]`.
    Down,
    /// `[out, rank]`.
    Up,
    /// The number that, divided by the rank, scales the product.
    Alpha,
    /// What is added as it is.
    Difference,
}

/// What one tensor of a LoRA file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The tensor of the transformer that is changed.
    pub(super) target: String,
    /// This tensor's part in it.
    pub(super) part: Part,
}

const PREFIXES: [&str; 2] = ["diffusion_model.", "transformer."];

/// How names end, the tensor of the module that is meant, and the part.
const ENDINGS: [(&str, &str, Part); 8] = [
    (".lora_down.weight", ".weight", Part::Down),
    (".lora_A.weight", ".weight", Part::Down),
    (".lora_up.weight", ".weight", Part::Up),
    (".lora_B.weight", ".weight", Part::Up),
    (".alpha", ".weight", Part::Alpha),
    (".diff", ".weight", Part::Difference),
    (".diff_b", ".bias", Part::Difference),
    (".diff_m", ".modulation", Part::Difference),
];

/// Whether a name follows diffusers. Told by the layers that both name differently, since both call a norm `norm2`.
pub(super) fn is_diffusers(name: &str) -> bool {
    [".attn1.", ".attn2.", ".ffn.net."].iter().any(|part| name.contains(part))
}

impl Change {
    /// Reads the name of a tensor of a file whose names follow diffusers or Wan's original code.
    pub(super) fn read(name: &str, diffusers: bool) -> Option<Self> {
        let name = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        let (module, tensor, part) = ENDINGS.iter().find_map(|(ending, tensor, part)| {
            name.strip_suffix(ending).filter(|module| !module.is_empty()).map(|module| (module, tensor, *part))
        })?;
        let path = format!("{module}{tensor}");
        let target = if diffusers { path } else { translated(&path) };
        // Tables are tensors of their own, not the weight of a module.
        let table =
            [".scale_shift_table.weight", ".pos_embed.weight"].iter().any(|end| format!(".{target}").ends_with(end));
        let target = if table { target.trim_end_matches(".weight").into() } else { target };
        Some(Self { target, part })
    }

    /// Whether it changes the weight or the bias of a norm.
    pub(super) fn is_of_norm(&self) -> bool {
        self.target.split('.').any(|part| part.starts_with("norm"))
    }
}

/// What diffusers calls the tensor that Wan's original code calls `path`.
fn translated(path: &str) -> String {
    let mut parent = "";
    let mut parts = Vec::new();
    for part in path.split('.') {
        parts.push(renamed(parent, part));
        parent = part;
    }
    parts.retain(|part| !part.is_empty());
    parts.join(".")
}

/// What diffusers calls the `part` of a path below `parent`; nothing where it has no such level.
fn renamed<'a>(parent: &str, part: &'a str) -> &'a str {
    match (parent, part) {
        (_, "self_attn") => "attn1",
        (_, "cross_attn") => "attn2",
        ("self_attn" | "cross_attn", "q") => "to_q",
        ("self_attn" | "cross_attn", "k") => "to_k",
        ("self_attn" | "cross_attn", "v") => "to_v",
        ("self_attn" | "cross_attn", "o") => "to_out.0",
        ("cross_attn", "k_img") => "add_k_proj",
        ("cross_attn", "v_img") => "add_v_proj",
        ("cross_attn", "norm_k_img") => "norm_added_k",
        ("ffn", "0") => "net.0.proj",
        ("ffn", "2") => "net.2",
        // The norm before cross-attention is the third there and the second here.
        (_, "norm2") => "norm3",
        (_, "norm3") => "norm2",
        (_, "modulation") => "scale_shift_table",
        ("", "head") => "",
        ("head", "head") => "proj_out",
        ("", "time_embedding") => "condition_embedder.time_embedder",
        ("", "text_embedding") => "condition_embedder.text_embedder",
        ("time_embedding" | "text_embedding", "0") => "linear_1",
        ("time_embedding" | "text_embedding", "2") => "linear_2",
        ("", "time_projection") => "condition_embedder.time_proj",
        ("time_projection", "1") => "",
        ("", "img_emb") => "condition_embedder.image_embedder",
        ("img_emb", "emb_pos") => "pos_embed",
        ("img_emb", "proj") => "",
        ("proj", "0") => "norm1",
        ("proj", "1") => "ff.net.0.proj",
        ("proj", "3") => "ff.net.2",
        ("proj", "4") => "norm2",
        _ => part,
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Part};

    fn target(name: &str) -> String {
        Change::read(name, false).unwrap().target
    }

    #[test]
    fn the_original_names_mean_these_tensors() {
        for (name, expected) in [
            ("blocks.7.self_attn.q", "blocks.7.attn1.to_q"),
            ("blocks.7.self_attn.k", "blocks.7.attn1.to_k"),
            ("blocks.7.self_attn.v", "blocks.7.attn1.to_v"),
            ("blocks.7.self_attn.o", "blocks.7.attn1.to_out.0"),
            ("blocks.7.self_attn.norm_q", "blocks.7.attn1.norm_q"),
            ("blocks.0.cross_attn.o", "blocks.0.attn2.to_out.0"),
            ("blocks.0.cross_attn.k_img", "blocks.0.attn2.add_k_proj"),
            ("blocks.0.cross_attn.v_img", "blocks.0.attn2.add_v_proj"),
            ("blocks.0.cross_attn.norm_k_img", "blocks.0.attn2.norm_added_k"),
            ("blocks.2.ffn.0", "blocks.2.ffn.net.0.proj"),
            ("blocks.2.ffn.2", "blocks.2.ffn.net.2"),
            ("blocks.0.norm2", "blocks.0.norm3"),
            ("blocks.0.norm3", "blocks.0.norm2"),
            ("patch_embedding", "patch_embedding"),
            ("time_embedding.0", "condition_embedder.time_embedder.linear_1"),
            ("time_embedding.2", "condition_embedder.time_embedder.linear_2"),
            ("text_embedding.0", "condition_embedder.text_embedder.linear_1"),
            ("text_embedding.2", "condition_embedder.text_embedder.linear_2"),
            ("time_projection.1", "condition_embedder.time_proj"),
            ("head.head", "proj_out"),
            ("img_emb.proj.0", "condition_embedder.image_embedder.norm1"),
            ("img_emb.proj.1", "condition_embedder.image_embedder.ff.net.0.proj"),
            ("img_emb.proj.3", "condition_embedder.image_embedder.ff.net.2"),
            ("img_emb.proj.4", "condition_embedder.image_embedder.norm2"),
        ] {
            assert_eq!(target(&format!("{name}.diff")), format!("{expected}.weight"));
            assert_eq!(target(&format!("diffusion_model.{name}.diff_b")), format!("{expected}.bias"));
        }
    }

    #[test]
    fn a_table_is_a_tensor_and_not_the_weight_of_one() {
        assert_eq!(target("blocks.1.modulation.diff"), "blocks.1.scale_shift_table");
        assert_eq!(target("diffusion_model.blocks.1.diff_m"), "blocks.1.scale_shift_table");
        assert_eq!(target("head.diff_m"), "scale_shift_table");
        assert_eq!(target("head.modulation.diff"), "scale_shift_table");
        assert_eq!(target("img_emb.emb_pos.diff"), "condition_embedder.image_embedder.pos_embed");
    }

    #[test]
    fn the_names_of_diffusers_stay() {
        let change = Change::read("transformer.blocks.0.norm2.diff", true).unwrap();
        assert_eq!(change, Change { target: "blocks.0.norm2.weight".into(), part: Part::Difference });
        assert!(change.is_of_norm());
        let change = Change::read("blocks.0.attn1.to_out.0.lora_A.weight", true).unwrap();
        assert_eq!(change, Change { target: "blocks.0.attn1.to_out.0.weight".into(), part: Part::Down });
        assert!(!change.is_of_norm());
    }

    #[test]
    fn both_spellings_of_a_pair_are_understood_and_others_are_not() {
        let part = |name| Change::read(name, false).map(|change| change.part);
        assert_eq!(part("blocks.0.ffn.0.lora_down.weight"), Some(Part::Down));
        assert_eq!(part("blocks.0.ffn.0.lora_up.weight"), Some(Part::Up));
        assert_eq!(part("blocks.0.ffn.0.lora_B.weight"), Some(Part::Up));
        assert_eq!(part("blocks.0.ffn.0.alpha"), Some(Part::Alpha));
        for name in ["blocks.0.ffn.0.dora_scale", "blocks.0.ffn.0.weight", ".diff", "alpha"] {
            assert_eq!(part(name), None, "{name}");
        }
    }
}
