"""Russian sentences of `theory.neurons`."""

SENTENCES: dict[str, str] = {
    "no": "нет",
    "yes": "да",
    "neuron {number}:": "нейрон {number}:",
    "network: yes where shaded": "сеть: «да» там, где закрашено",
    "network: the class by colour": "сеть: класс показан цветом",
    "The first {shown} of {neurons}": "Первые {shown}, всего {neurons}",
    "after {passes} over the objects and {updates}": "за {passes} по объектам ({updates} весов)",
    "Converged {done}.": "Сошлось {done}.",
    "Not converged {done}. {why}": "Не сошлось {done}. {why}",
    "Whether they can be separated is not known: {error}": "Разделимы ли они, неизвестно: {error}",
}
