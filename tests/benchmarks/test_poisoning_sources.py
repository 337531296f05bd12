from benchmarks import poisoning_sources as sources


def test_words_do_not_count_and_code_does(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_ROOT", tmp_path)
    hashes = []
    for text in ('"""Said."""\n\n\ndef f():\n    """Said."""\n    return 1  # Why.\n', "def f():\n    return 1\n"):
        (tmp_path / "a.py").write_text(text)
        hashes.append(sources.sources_id(("a.py",)))
    (tmp_path / "a.py").write_text("def f():\n    return 2\n")
    assert hashes[0] == hashes[1] != sources.sources_id(("a.py",))


def test_every_file_is_there():
    for files in (sources.FINDERS, sources.STRIP, sources.TIMED, sources.TAMPERED):
        assert len(sources.sources_id(files)) == 16
