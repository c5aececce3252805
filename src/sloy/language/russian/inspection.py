"""Russian sentences of `inspection`."""

SENTENCES: dict[str, str] = {
    "training": "обучение",
    "validation": "контрольная выборка",
    "epoch": "эпоха",
    "loss": "потери",
    "Loss": "Функция потерь",
    "accuracy (%)": "доля верных ответов (%)",
    "Accuracy": "Доля верных ответов",
    "{right} of {total} correct ({share})": "верно {right} из {total} ({share})",
    "no samples": "нет объектов",
    "predicted": "ответ сети",
    "true": "на самом деле",
    "recall": "полнота",
    "weight": "вес",
    "activation value": "отклик",
    "(the first {shown} of {total})": "(первые {shown} из {total})",
    "{size} pixels": "{size} пикселей",
    "{layer}: {size} pixels, the whole picture": "{layer}: {size} пикселей, вся картинка",
    "{layer}: {size} pixels, stride {stride}, the first from {start} on": "{layer}: {size} пикселей, шаг окна {stride}, первый начинается с {start}",
    "sees {size}": "видит {size}",
    "channel {channel}": "канал {channel}",
}
