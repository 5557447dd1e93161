import torch
from transformers import AutoModel, BertConfig

from models.classifier import Classifier, pool


def test_the_head_of_bert_base_chinese_has_1538_parameters() -> None:
    with torch.device("meta"):  # the shape of the model without its 102 million numbers
        encoder = AutoModel.from_config(BertConfig(vocab_size=21_128))
        classifier = Classifier(encoder, hidden=768, labels=2, pooling="cls")
    assert sum(weights.numel() for weights in classifier.head.parameters()) == 1538


def test_cls_takes_the_first_token_and_mean_the_average_of_all_but_padding() -> None:
    hidden = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [50.0, 60.0]]])  # [1, 3, 2]
    mask = torch.tensor([[1, 1, 0]])
    assert pool(hidden, mask, "cls").tolist() == [[1, 2]]
    assert pool(hidden, mask, "mean").tolist() == [[2, 3]]
