"""Russian of what is odd about data (`data/quality`)."""

SENTENCES: dict[str, str] = {
    "{count} of {all} samples to {part} on are training samples too: what is measured on them is too good": "{count} из {all} объектов части «{part}» есть и среди обучающих: показатели на ней слишком хороши",
    "{score} right": "верно {score}",
    "column `{name}` alone gives the answer ({score}); unless it is known when a prediction is asked for, leave it out with --ignore {name}": "столбец `{name}` один выдаёт ответ ({score}); если он неизвестен, когда нужен прогноз, уберите его: --ignore {name}",
    "column `{name}` numbers the rows; leave it out with --ignore {name}": "столбец `{name}` нумерует строки; уберите его: --ignore {name}",
    "{samples} equal an earlier one with another answer": "{samples} совпадают с более ранними, но с другим ответом",
    "twins": "повторы",
    "constant": "не меняется",
    "{numbers} of each sample never change": "{numbers} каждого объекта никогда не меняются",
    " and {more} more columns": " и ещё столбцов: {more}",
    "far values": "далёкие значения",
    "beyond {far:g} deviations: {told}": "дальше {far:g} отклонений: {told}",
    "repeat an earlier training sample": "повторяют более ранний обучающий объект",
    "repeat one with another answer": "повторяют объект с другим ответом",
    "of those to {part} on are training samples": "из части «{part}» есть среди обучающих",
    " (so few different values give as many by chance)": " (при столь немногих разных значениях столько бывает случайно)",
    "none: no sample is there twice": "нет: ни один объект не встречается дважды",
    "train": "обучение",
    "validate": "контроль",
    "test": "проверка",
}
