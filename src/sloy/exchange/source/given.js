/** What was given, in a message. */
function inWords(value) {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value)) return `an array of ${value.length}`;
  return typeof value === "object" && value && !(value instanceof Date) ? "an object" : String(value).slice(0, 40);
}

/** The numbers of a sample that was given; an error where they are none, or not as many as the network takes. */
function givenNumbers(x, count) {
  if (typeof x !== "object" || x === null || typeof x.length !== "number")
    throw new TypeError(`predict: x must be an array of ${count} numbers, row-major; it is ${inWords(x)}`);
  if (x.length !== count)
    throw new RangeError(`predict: x has ${x.length} numbers; the network takes ${count}, row-major`);
  for (let i = 0; i < count; i++)
    if (!Number.isFinite(x[i]))
      throw new TypeError(`predict: x[${i}] is ${inWords(x[i])}; it must be a finite number`);
  return x;
}
