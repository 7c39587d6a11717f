//! Stylizes a picture in Rust with MODEL.onnx of `adain export MODEL -o DIR`, float pictures. Not compiled and not run by this
//! project. Cargo.toml: ort = "=2.0.0-rc.12", image = "0.25", anyhow = "1".
//!
//!     stylize MODEL.onnx CONTENT STYLE OUT.png [ALPHA [STROKES]]
//!
//! `image` applies neither EXIF's orientation nor colour profiles: turn and convert such files first.

use anyhow::{bail, ensure, Context, Result};
use image::{imageops::FilterType, RgbImage};
use ort::{inputs, session::Session, value::Tensor};

const CONTRACT: i64 = 5; // version of the graphs' contract that this program is written for
const GRAIN: [f32; 2] = [95.0, 33.0]; // where the grain's tile begins, as `adain` has it with seed 0
const STYLE_SIDE: u32 = 512; // px of a style's shorter side; its size sets the scale of the strokes

struct Stylizer {
    session: Session,
    multiple: usize,
    minimum: usize,
}

impl Stylizer {
    /// Load MODEL.onnx; any other graph is an error that says what to do.
    fn new(path: &str) -> Result<Self> {
        let session = Session::builder()?.commit_from_file(path)?;
        let metadata = session.metadata()?;
        let about = |name: &str| metadata.custom(&format!("adain.{name}"));
        let contract: i64 = about("contract")
            .context("not a graph of adain; take MODEL.onnx as `adain export` writes it")?
            .parse()?;
        if contract != CONTRACT {
            let advice = if contract > CONTRACT {
                "take the program from a newer version of adain"
            } else {
                "export it again with this version of adain"
            };
            bail!("the graph follows version {contract} of the contract, this program version {CONTRACT}; {advice}");
        }
        let (graph, io) = (about("graph").unwrap_or_default(), about("io").unwrap_or_default());
        ensure!(graph == "whole", "this is the graph {graph}; take MODEL.onnx, which has the whole network");
        ensure!(io == "float", "the graph takes {io} pictures; export it again with --io float");
        let number = |name: &str| -> Result<usize> { Ok(about(name).context("export it again")?.parse()?) };
        let (multiple, minimum) = (number("size_multiple")?, number("size_minimum")?);
        drop(metadata);
        Ok(Self { session, multiple, minimum })
    }

    /// The content in the style, of the content's size.
    fn stylize(&mut self, content: &RgbImage, style: &RgbImage, alpha: f32, strokes: f32) -> Result<RgbImage> {
        let allowed = 0.0..=1.0;
        ensure!(allowed.contains(&alpha) && allowed.contains(&strokes), "alpha and strokes must be in [0, 1]");
        let (picture, painting) = (self.tensor(content)?, self.tensor(style)?);
        let outputs = self.session.run(inputs![
            "content" => picture,
            "style" => painting,
            "alpha" => Tensor::from_array(([1usize, 1], vec![alpha]))?,
            "strokes" => Tensor::from_array(([1usize, 1], vec![strokes]))?,
            "grain" => Tensor::from_array(([1usize, 2], GRAIN.to_vec()))?,
        ])?;
        let (shape, planes) = outputs["stylized"].try_extract_tensor::<f32>()?;
        let (rows, columns) = (shape[2] as usize, shape[3] as usize);
        Ok(RgbImage::from_fn(content.width(), content.height(), |x, y| {
            image::Rgb([0, 1, 2].map(|channel| {
                let value = planes[(channel * rows + y as usize) * columns + x as usize]; // in [0, 1] already
                (value * 255.0 + 0.5) as u8
            }))
        }))
    }

    fn fitting(&self, side: u32) -> usize {
        ((side as usize).div_ceil(self.multiple) * self.multiple).max(self.minimum)
    }

    /// Float32 (1, 3, H, W) in [0, 1]; the last row and column are repeated to sides that the graph takes.
    fn tensor(&self, picture: &RgbImage) -> Result<Tensor<f32>> {
        let (rows, columns) = (self.fitting(picture.height()), self.fitting(picture.width()));
        let mut planes = Vec::with_capacity(3 * rows * columns);
        for channel in 0..3 {
            for y in 0..rows as u32 {
                for x in 0..columns as u32 {
                    let pixel = picture.get_pixel(x.min(picture.width() - 1), y.min(picture.height() - 1));
                    planes.push(f32::from(pixel[channel]) / 255.0);
                }
            }
        }
        Ok(Tensor::from_array(([1, 3, rows, columns], planes))?)
    }
}

/// A style whose shorter side is at most `STYLE_SIDE`.
fn shrunk(style: RgbImage) -> RgbImage {
    let scale = f64::from(STYLE_SIDE) / f64::from(style.width().min(style.height()));
    if scale >= 1.0 {
        return style;
    }
    let [width, height] = [style.width(), style.height()].map(|side| ((f64::from(side) * scale).round() as u32).max(1));
    image::imageops::resize(&style, width, height, FilterType::Lanczos3)
}

fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    ensure!(given.len() >= 4, "usage: stylize MODEL.onnx CONTENT STYLE OUT.png [ALPHA [STROKES]]");
    let number = |position: usize, usual: f32| given.get(position).map_or(Ok(usual), |text| text.parse());
    let (alpha, strokes) = (number(4, 1.0)?, number(5, 0.5)?);
    let (content, style) = (image::open(&given[1])?.to_rgb8(), image::open(&given[2])?.to_rgb8());
    let stylized = Stylizer::new(&given[0])?.stylize(&content, &shrunk(style), alpha, strokes)?;
    stylized.save(&given[3])?;
    Ok(())
}
