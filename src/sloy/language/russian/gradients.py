"""Russian sentences of `theory.gradients`, `theory.dropout` and `theory.activations`."""

SENTENCES: dict[str, str] = {
    # cost
    "parameters": "параметры",
    "naive, operations": "обычный способ, операции",
    "backprop, operations": "обр. распространение, операции",
    "ratio": "отношение",
    "naive, seconds": "обычный способ, секунды",
    "backprop, seconds": "обр. распространение, секунды",
    "operations grow as P^{naive:.2f} the naive way and as P^{backprop:.2f} by backprop": "число операций растёт как P^{naive:.2f} обычным способом и как P^{backprop:.2f} при обратном распространении",
    "seconds up to {count} parameters: a pass costs no more than starting it, so P + 1 of them, the naive way, grow as P^{naive:.1f}, and backprop as P^{backprop:.1f}": "время, пока параметров не больше {count}: проход стоит столько же, сколько его запуск, поэтому обычным способом, P + 1 проход, оно растёт как P^{naive:.1f}, при обратном распространении — как P^{backprop:.1f}",
    "seconds from there on: arithmetic tells, and they grow as P^{naive:.1f} the naive way and as P^{backprop:.1f} by backprop": "время дальше: сказывается сама арифметика, рост как P^{naive:.1f} обычным способом и как P^{backprop:.1f} при обратном распространении",
    "≈: a part of the perturbed passes was timed, and the time scaled to all of them": "≈: измерено время части проходов со сдвинутым параметром и пересчитано на все",
    "naive": "обычный способ",
    "backprop": "обратное распространение",
    "Counted": "Сосчитано",
    "operations for one gradient": "операций на один градиент",
    "Measured ({engine}, one thread)": "Измерено ({engine}, один поток)",
    "seconds for one gradient": "секунд на один градиент",
    "time to start a pass": "время запуска прохода",
    "parameters P": "число параметров P",
    # descent
    "full batch": "все объекты сразу",
    "mini-batches of 8": "пакеты по 8",
    "object by object": "объект за объектом",
    "start": "начало",
    "end": "конец",
    "objects seen": "просмотрено объектов",
    "mean loss on all objects": "среднее значение функции потерь",
    "first principal direction of the paths ({share:.0f} % of their variance)": "первое главное направление путей ({share:.0f} % их дисперсии)",
    "second ({share:.0f} %)": "второе ({share:.0f} %)",
    # online
    "{ended} after {passes}, {objects} in {seconds:.3g} s ({rate} a second): mean loss {first:.4g} → {last:.4g}": "{ended}: {passes}, {objects} за {seconds:.3g} с ({rate} в секунду), среднее значение функции потерь {first:.4g} → {last:.4g}",
    "converged": "сошлось",
    "not converged yet": "ещё не сошлось",
    # numeric
    "{result}: {count} numbers, largest error {error:.1e} (allowed {tolerance:.0e})": "{result}: чисел {count}, наибольшее расхождение {error:.1e} (допустимо {tolerance:.0e})",
    "passed": "верно",
    "FAILED": "НЕВЕРНО",
    "at [{where}] backprop gives {backprop:.6g}, differences give {numeric:.6g}": "в [{where}] обратное распространение даёт {backprop:.6g}, разности — {numeric:.6g}",
    "{count} of the points at a kink, where any slope between passes": "точек излома {count}, там верен любой промежуточный наклон",
    # dropout
    "in use: all of them": "при применении: все",
    "step {number}: {kept} of {total} kept": "шаг {number}: {kept} из {total}",
    "p = {rate:g}: kept × {factor:.3g}": "p = {rate:g}: оставшиеся × {factor:.3g}",
    "in training each neuron is dropped with probability p ({factors})": "при обучении нейрон выбрасывается с вероятностью p ({factors})",
    # activations
    "sign": "знак",
    "sigmoid": "сигмоида",
    "Maxout (two lines)": "Maxout (две прямые)",
}
