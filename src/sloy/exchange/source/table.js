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

/** The numbers of a raw column: gaps are NaN, null, undefined or an empty text. */
function preparedColumn(column, value, missing) {
  const empty = value === undefined || value === null || value === "" || Number.isNaN(value);
  if (column.kind === "category") {
    const word = empty ? "" : String(value);
    return [Object.hasOwn(column.codes, word) ? column.codes[word] : column.other];
  }
  const number = empty ? NaN : value instanceof Date ? value.getTime() / 1000 : Number(value);
  const gap = Number.isNaN(number) || missing.includes(number);
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

/** A raw row, {column: value}, as the network takes it. */
function preparedRow(table, row) {
  return Float32Array.from(
    table.columns.flatMap((column) => preparedColumn(column, row[column.name], table.missing)),
  );
}
