/** Files that a user attaches to a message. */

const TEXT = /^text\/|json|xml|yaml|toml|javascript/;

/** Return the images among files, and the documents and recordings, as `{name, type, base64}`. */
export async function attachments(files) {
  const read = await Promise.all([...files].map(readFile));
  const isImage = ({ type }) => type.startsWith("image/");
  return { images: read.filter(isImage), documents: read.filter((one) => !isImage(one)) };
}

/** What browsers offer in their dialog; the gateway says what a model cannot read. */
export const ACCEPTED =
  "image/png,image/jpeg,image/gif,image/webp,application/pdf,text/*,.md,audio/mpeg,audio/wav";

async function readFile(file) {
  const url = await dataUrl(file);
  const type = TEXT.test(file.type) || !file.type ? "text/plain" : file.type;
  return { name: file.name, type, base64: url.slice(url.indexOf(",") + 1) };
}

function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error(`${file.name} cannot be read`));
    reader.readAsDataURL(file);
  });
}
