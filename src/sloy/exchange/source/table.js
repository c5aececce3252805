/** Year, month, day, weekday (1 is Monday), and the hour as a point on a circle, of seconds since 1970. */
function partsOfDate(seconds) {
  const date = new Date(1000 * seconds),
    angle = (2 * Math.PI * (60 * date.getUTCHours() + date.getUTCMinutes())) / (24 * 60);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay() || 7,
    "hour sin": Math.sin(angle),
    "hour cos": Math.cos(angle),
  };
}

const WRITTEN = /^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[-+]?[0-9]+)?$/i;

/** A text without the marks around it that nobody sees. */
function bare(text, around) {
  let [begin, end] = [0, text.length];
  while (begin < end && around.includes(text[begin])) begin++;
  while (begin < end && around.includes(text[end - 1])) end--;
  return text.slice(begin, end);
}

/** A value as a number, NaN for none; an error where it is of another kind. */
function numberOf(column, given, { gaps, around }) {
  const value = typeof given === "string" ? bare(given, around) : given;
  if (typeof value === "number" && (column.ends || !(Math.abs(value) === Infinity))) return value;
  if (value === null || (typeof value === "string" && gaps.includes(value))) return NaN;
  const number = value instanceof Date ? value.getTime() / 1000 : Number(value);
  const date = column.kind === "date";
  const fits = date ? value instanceof Date : typeof value === "string" && WRITTEN.test(value);
  if (Number.isFinite(number) && (fits || typeof value === "bigint")) return number;
  const wanted = date ? "a Date, or seconds since 1970-01-01 00:00" : "a number";
  throw new TypeError(`predict: the column ${JSON.stringify(column.name)} is ${inWords(value)}; it takes ${wanted}, or null`);
}

/** The numbers of a raw column: gaps are NaN, null, and the words for them, such as an empty text. */
function preparedColumn(column, value, table) {
  if (column.kind === "category") {
    if (typeof value === "object" && value !== null)
      throw new TypeError(
        `predict: the column ${JSON.stringify(column.name)} is ${inWords(value)}; it takes a word, or null`,
      );
    const word = value === null || Number.isNaN(value) ? "" : bare(String(value), table.around);
    return [Object.hasOwn(column.codes, word) ? column.codes[word] : column.other];
  }
  const number = numberOf(column, value, table);
  const gap = Number.isNaN(number) || table.missing.includes(number);
  const scaled = (x, [mean, deviation]) => (gap ? 0 : (x - mean) / deviation);
  let found;
  if (column.kind === "date") {
    const parts = gap ? {} : partsOfDate(number);
    found = column.parts.map(([name, ...by]) => scaled(parts[name], by));
  } else {
    let x = number;
    if (column.ends) {
      const [[a, low], [b, high]] = column.ends;
      x = x < a ? low : x > b ? high : x;
    }
    found = [scaled(x, column.scale)];
  }
  return column.missing ? [...found, Number(gap)] : found;
}

/** A raw row, {column: value}, as the network takes it; an error where a column is missing or of another kind. */
function preparedRow(table, row) {
  const listed = (names) => names.slice(0, 12).join(", ") + (names.length > 12 ? ", …" : "");
  if (typeof row !== "object" || row === null || Array.isArray(row) || ArrayBuffer.isView(row))
    throw new TypeError(
      `predict: x must be a row, {column: value}, of ${listed(table.columns.map((c) => c.name))}; it is ${inWords(row)}`,
    );
  for (const { name } of table.columns)
    if (row[name] === undefined)
      throw new TypeError(
        `predict: the row has no value for the column ${JSON.stringify(name)} (null stands for a missing one);` +
          ` it has ${listed(Object.keys(row)) || "none"}`,
      );
  return Float32Array.from(
    table.columns.flatMap((column) => preparedColumn(column, row[column.name], table)),
  );
}
