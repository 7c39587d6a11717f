// Keeps the content's colours: the stylized picture's luma with the content's chroma, as `luminance` in adain/color.py.

const LUMA = [0.299, 0.587, 0.114]; // of sRGB-encoded R, G, B; ITU-R BT.601

/** Give a stylized picture the content's colours, in place. Colours outside the gamut are desaturated. */
export function keepColours(stylized: ImageData, content: ImageData): void {
  for (let i = 0; i < stylized.data.length; i += 4) {
    const luma = lumaOf(stylized.data, i);
    const grey = lumaOf(content.data, i);
    let scale = 1;
    for (let c = 0; c < 3; c++) {
      const chroma = content.data[i + c] - grey;
      scale = Math.min(scale, (chroma > 0 ? 255 - luma : luma) / Math.max(Math.abs(chroma), 1e-3));
    }
    for (let c = 0; c < 3; c++) stylized.data[i + c] = Math.floor(luma + scale * (content.data[i + c] - grey) + 0.5);
  }
}

function lumaOf(data: Uint8ClampedArray, index: number): number {
  return LUMA[0] * data[index] + LUMA[1] * data[index + 1] + LUMA[2] * data[index + 2];
}
