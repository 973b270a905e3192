import encodeQR from "qr";

/** A QR code as the path of an SVG of `size` modules, quiet zone of four modules included. */
export function qrPath(text: string): { path: string; size: number } {
  const border = 4;
  // An invoice in capitals takes the denser alphanumeric mode; a link has characters that this mode lacks.
  const rows = encodeQR(/^[a-z0-9:]+$/i.test(text) ? text.toUpperCase() : text, "raw", { ecc: text.length > 300 ? "low" : "medium", border });
  let path = "";
  rows.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      if (!row[x]) continue;
      const from = x;
      while (row[x + 1]) x++;
      path += `M${from} ${y}h${x - from + 1}v1h-${x - from + 1}z`;
    }
  });
  return { path, size: rows.length };
}
