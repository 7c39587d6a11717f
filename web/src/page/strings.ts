// Everything that the page says, by language.

const en = {
  title: "Any painting's style onto any picture",
  promise: 'Nothing leaves your device.',
  picture: 'Picture',
  choosePicture: 'Choose, drop or paste a picture',
  photograph: 'Take a photograph',
  styles: 'Styles',
  stylesHelp: 'Choose up to four.',
  ownStyle: 'Own style: a picture or a style code file',
  settings: 'Settings',
  alpha: 'Strength',
  strokes: 'Strokes',
  keepColours: 'Keep the colours of the picture',
  seed: 'Seed',
  undo: 'Undo',
  result: 'Result',
  compare: 'Before and after',
  savePng: 'Save as PNG',
  saveJpeg: 'Save as JPEG',
  saveCode: 'Save the style code',
  share: 'Copy a link with these settings',
  shared: 'The link is copied. It holds no picture and no style of your own.',
  mix: 'Mix the styles',
  mixPoint: 'Point between the styles',
  paint: 'Paint where each style goes',
  brush: 'Brush',
  brushSize: 'Brush size',
  original: 'Original picture',
  clearPaint: 'First style everywhere',
  paintArea: 'Painting area',
  loading: 'Loading the network …',
  waitPicture: 'Choose a picture.',
  waitStyle: 'Choose a style.',
  previewing: 'Preview …',
  working: 'Full size …',
  done: '{width} × {height} in {seconds} s on {device}',
  onGpu: 'the graphics card',
  onCpu: 'the processor, {threads} threads',
  fallback: 'The graphics card failed, so the processor does it: {reason}',
  notPicture: 'This browser cannot read {name} as a picture.',
  failed: 'This did not work: {reason}',
  camera: 'Camera and films',
  startCamera: 'Start the camera',
  stopCamera: 'Stop the camera',
  record: 'Record',
  stopRecording: 'Stop and save',
  rate: '{rate} pictures a second',
  live: 'Live, stylized',
  noCamera: 'The camera cannot be used: {reason}',
  film: 'Stylize a short film',
  noFilms: 'This browser cannot make films.',
  filmProgress: 'Film: {percent} %',
  filmDone: 'The film is saved.',
  woodcut: 'Woodcut',
  pointillism: 'Pointillism',
  watercolour: 'Watercolour',
  mosaic: 'Mosaic',
  marbling: 'Marbling',
  licences: 'Licences of what this page is made of',
};

export type Key = keyof typeof en;

const zh: Record<Key, string> = {
  title: '把任何画作的风格用到任何图片上',
  promise: '所有内容都留在您的设备上。',
  picture: '图片',
  choosePicture: '选择、拖放或粘贴图片',
  photograph: '拍照',
  styles: '风格',
  stylesHelp: '最多选择四种。',
  ownStyle: '自己的风格：图片或风格编码文件',
  settings: '设置',
  alpha: '强度',
  strokes: '笔触',
  keepColours: '保留图片的颜色',
  seed: '随机种子',
  undo: '撤销',
  result: '结果',
  compare: '前后对比',
  savePng: '保存为 PNG',
  saveJpeg: '保存为 JPEG',
  saveCode: '保存风格编码',
  share: '复制带有这些设置的链接',
  shared: '链接已复制。其中没有图片，也没有您自己的风格。',
  mix: '混合风格',
  mixPoint: '风格之间的位置',
  paint: '画出每种风格的区域',
  brush: '画笔',
  brushSize: '画笔大小',
  original: '原图',
  clearPaint: '全部使用第一种风格',
  paintArea: '绘画区域',
  loading: '正在加载网络……',
  waitPicture: '请选择图片。',
  waitStyle: '请选择风格。',
  previewing: '预览……',
  working: '完整尺寸……',
  done: '{width} × {height}，用时 {seconds} 秒，使用{device}',
  onGpu: '显卡',
  onCpu: '处理器（{threads} 个线程）',
  fallback: '显卡无法使用，改用处理器：{reason}',
  notPicture: '此浏览器无法读取图片 {name}。',
  failed: '操作失败：{reason}',
  camera: '摄像头和影片',
  startCamera: '打开摄像头',
  stopCamera: '关闭摄像头',
  record: '录制',
  stopRecording: '停止并保存',
  rate: '每秒 {rate} 帧',
  live: '实时风格化画面',
  noCamera: '无法使用摄像头：{reason}',
  film: '处理一段短片',
  noFilms: '此浏览器无法制作影片。',
  filmProgress: '影片：{percent} %',
  filmDone: '影片已保存。',
  woodcut: '木刻',
  pointillism: '点彩',
  watercolour: '水彩',
  mosaic: '马赛克',
  marbling: '大理石纹',
  licences: '本页面所用软件的许可证',
};

export const LANGUAGES = { en: 'English', zh: '中文' };
export type Language = keyof typeof LANGUAGES;

const TABLES = { en, zh };
let language: Language = navigator.language.startsWith('zh') ? 'zh' : 'en';

export const currentLanguage = () => language;

export function setLanguage(wanted: Language): void {
  language = wanted;
  document.documentElement.lang = wanted;
  document.title = `adain: ${text('title')}`;
}

/** A text in the visitor's language; `{name}` becomes the value of that name. */
export function text(key: Key, values: Record<string, string | number> = {}): string {
  return TABLES[language][key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}
