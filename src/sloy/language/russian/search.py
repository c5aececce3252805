"""Russian sentences of `search`: a network that is grown, activations of each neuron."""

SENTENCES: dict[str, str] = {
    "start": "начало",
    "trained on": "учится дальше",
    "wider": "шире",
    "deeper": "глубже",
    "sizes": "нейроны",
    "parameters": "параметры",
    "validation loss": "потери на контроле",
    "gain": "выигрыш",
    "kept": "остаётся",
    "taken": "взятый запуск",
    "mean of runs": "среднее запусков",
    "chosen": "выбрано",
    "mixed": "смесь",
    "{single} for all": "{single} у всех",
    "{gain} ± {error} over {single} for all": "{gain} ± {error} против {single} у всех",
    "no gain: a mix has {gain} ± {error} over {single} for all": "выигрыша нет: у смеси {gain} ± {error} против {single} у всех",
}
