"""Russian sentences of `problem`: the summary of a network."""

SENTENCES: dict[str, str] = {
    "layer": "слой",
    "output": "выход",
    "parameters": "параметры",
    "multiply-adds": "умножения",
    "output bytes": "память под выход",
    "input": "вход",
    "{parameters}, and {kept}": "{parameters} и {kept}",
    "{products} forward, per sample": "{products} на прямой проход одного объекта",
    "memory for batches of {size}": "память для пакетов размера {size}",
    "{step} to train ({kept} kept, {computed} computed), {parameters} + {arena} to use, beside the data": "{step} для обучения ({kept} хранится, {computed} вычисляется), {parameters} + {arena} для применения, не считая данных",
    "B": "Б",
    "kB": "кБ",
    "MB": "МБ",
    "GB": "ГБ",
}
