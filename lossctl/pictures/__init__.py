"""What a picture shows, as data: gathered in the pass that scores the rows, drawn by anybody.

- ``lossctl.pictures.records``: the frozen records, ``Picture`` for any of them. Each has a
  ``title`` (what, unit, n, file), a ``text`` (what it shows in words, with the numbers: a caption,
  and what a screen reader says) and a ``spec`` (what determined it, for the corner).
- ``lossctl.pictures.gather``: ``sights_of(tasks)`` gives the probes of every picture that suits
  each loss, ``pictures_of(found, index, files)`` the records afterwards, with groups merged.
- ``lossctl.evaluation.seen_with(data, losses, options, watch)`` gives a report and the pictures of
  every loss from one pass: ``Seen(report, pictures)``, where ``pictures[i]`` are those of the i-th
  loss.
- ``lossctl.renderers.plots``: ``draw(picture, theme, size)`` gives a matplotlib ``Figure``,
  ``save(figure, form)`` its bytes as ``png``, ``svg`` or ``pdf``.
"""
